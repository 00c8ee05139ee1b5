//! What the generated lists of names become.

#[macro_use]
mod enums;
#[macro_use]
mod kinds;
#[macro_use]
mod records;

/// Something to do with a record, whatever its kind.
pub(crate) trait BodyVisitor {
    type Output;

    fn visit<R: crate::json::Record>(self, body: &R) -> Self::Output;
}

/// Something to do with a new record, whatever its kind.
pub(crate) trait NewBodyVisitor {
    type Output;
    type Error;

    fn visit<R: crate::json::Record>(self, body: &mut R) -> Result<Self::Output, Self::Error>;
}
