//! Names in the store.

use std::io::{self, Read, Write};

use crate::error::{FileError, NameError};
use crate::file::{self, Opened, Temporary};
use crate::store::Store;
use crate::{Digest, GetError, Name};

/// What one entry of the directory of names turned out to be.
pub(crate) type NameEntry = Result<(Name, Digest), NameError>;

/// A digest and a line feed; anything longer is not the file of a name.
const FILE_LEN: u64 = 65;

fn path_of(name: &Name) -> String {
    format!("names/{name}")
}

impl Store {
    /// Lets `name` point to a blob of the store, instead of whatever it pointed to.
    ///
    /// A reader sees the old digest or the new one, never something in between.
    ///
    /// # Errors
    /// When the store has no such blob or cannot be written.
    pub fn set_name(&self, name: &Name, digest: &Digest) -> Result<(), NameError> {
        // Held over both steps, so that the blob is not collected between them.
        let _hold = self.hold()?;
        match self.has(digest) {
            Ok(true) => {}
            Err(GetError::File(error)) => return Err(error.into()),
            Ok(false) | Err(_) => {
                return Err(NameError::NoBlob {
                    name: name.clone(),
                    digest: *digest,
                });
            }
        }
        let write = || {
            let mut temporary = Temporary::create(&self.temporary)?;
            temporary
                .file()
                .write_all(format!("{digest}\n").as_bytes())?;
            temporary.sync()?;
            temporary.place(&self.names, name.as_str())
        };
        Ok(write().map_err(FileError::of("write", path_of(name)))?)
    }

    /// The blob that a name points to, if the store has the name.
    ///
    /// # Errors
    /// When the name's file is a link, does not hold a digest, or cannot be read.
    pub fn name(&self, name: &Name) -> Result<Option<Digest>, NameError> {
        let path = || path_of(name);
        match file::open_regular(&self.names, name.as_str())
            .map_err(FileError::of("open", path()))?
        {
            Opened::Absent => Ok(None),
            Opened::Other(_) => Err(NameError::Foreign { path: path() }),
            Opened::Regular(file) => {
                let mut text = String::new();
                match file.take(FILE_LEN + 1).read_to_string(&mut text) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return Err(NameError::Malformed { path: path() });
                    }
                    Err(error) => return Err(FileError::of("read", path())(error).into()),
                }
                text.strip_suffix('\n')
                    .and_then(|hex| hex.parse().ok())
                    .map(Some)
                    .ok_or_else(|| NameError::Malformed { path: path() })
            }
        }
    }

    /// Removes a name; what it pointed to stays until it is collected. Returns whether the
    /// name was there.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn remove_name(&self, name: &Name) -> Result<bool, NameError> {
        let _hold = self.hold()?;
        let removed = match self.names.remove_file(name.as_str()) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(FileError::of("remove", path_of(name))(error).into()),
        };
        file::sync_dir(&self.names).map_err(FileError::of("write", "names"))?;
        Ok(removed)
    }

    /// All names with what they point to, sorted by name.
    ///
    /// # Errors
    /// At the first file that is not that of a name, see [`Store::name`].
    pub fn names(&self) -> Result<Vec<(Name, Digest)>, NameError> {
        self.each_name()?.into_iter().collect()
    }

    /// Every entry of the directory of names by itself.
    pub(crate) fn each_name(&self) -> Result<Vec<NameEntry>, FileError> {
        let mut found = Vec::new();
        for (entry, _) in file::entries(&self.names, "names")? {
            found.push(match entry.parse::<Name>() {
                Ok(name) => match self.name(&name) {
                    Ok(Some(digest)) => Ok((name, digest)),
                    // Removed since the listing.
                    Ok(None) => continue,
                    Err(error) => Err(error),
                },
                Err(_) => Err(NameError::Foreign {
                    path: format!("names/{}", entry.escape_default()),
                }),
            });
        }
        Ok(found)
    }
}
