//! What a plugin in C calls of a C library, which it does not have, and what there is instead.

use std::path::Path;

use super::project::files_with;
use super::within;

/// What there is of it.
const THERE_IS: &str = "there is no C library: of it there are malloc, realloc, free, abort, memcpy, \
                        memset, memcmp, strlen and assert, and palisade.h has the rest";

/// Functions, each with what to write in its place.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &[
            "printf", "puts", "fprintf", "putchar", "perror", "fputs", "vprintf",
        ],
        "ask for the capability `log` and call palisade_plugin_log_write, or say it in a finding",
    ),
    (
        &[
            "snprintf",
            "sprintf",
            "vsnprintf",
            "strcpy",
            "strncpy",
            "strcat",
            "strncat",
            "itoa",
        ],
        "write text into an array with PALISADE_WRITER, palisade_put and palisade_put_u64",
    ),
    (
        &["strcmp", "strncmp", "strcasecmp", "strncasecmp", "strcoll"],
        "compare a text of the host by palisade_is, and bytes by memcmp",
    ),
    (
        &[
            "strstr", "strchr", "strrchr", "memchr", "memmem", "strtok", "strspn", "strdup",
            "memmove",
        ],
        "go over the bytes in a loop; a text of the host has `ptr` and `len`, and no zero at its end",
    ),
    (
        &[
            "atoi", "atol", "strtol", "strtoul", "strtoull", "sscanf", "strtod", "atof",
        ],
        "go over the digits in a loop, or take the setting or field as a number",
    ),
    (
        &["calloc"],
        "call malloc, look whether it is NULL, and memset",
    ),
    (
        &["exit", "_Exit", "raise", "signal"],
        "call abort(), or PALISADE_CHECK, which say where",
    ),
    (
        &[
            "time",
            "clock",
            "gettimeofday",
            "clock_gettime",
            "localtime",
            "gmtime",
            "sleep",
        ],
        "a plugin has no clock; take the time of the events, PALISADE_FIELD_TIME",
    ),
    (
        &["rand", "srand", "random", "getrandom"],
        "a plugin has no random numbers; what it says follows from what it is shown",
    ),
    (
        &[
            "fopen", "fclose", "fread", "fwrite", "open", "read", "write", "socket", "getenv",
            "system",
        ],
        "a plugin has nothing but what plugin.toml asks for; see sdk/MANIFEST.md",
    ),
    (
        &[
            "qsort", "bsearch", "abs", "labs", "isdigit", "isalpha", "isspace", "tolower",
            "toupper",
        ],
        "write it; it is a few lines",
    ),
    (
        &[
            "sin", "cos", "tan", "exp", "log", "log2", "log10", "pow", "fmod", "sqrt", "sinf",
            "cosf", "expf", "logf", "powf", "fmodf", "round", "lround", "ldexp",
        ],
        "compute in whole numbers, or write it",
    ),
    (
        &["__multi3", "__udivti3", "__umodti3", "__divti3", "__modti3"],
        "it computes with 128 bits, for which there is no library; take uint64_t",
    ),
];

/// Headers of a C library, by which it is known what a missing one is.
const HEADERS: &[&str] = &[
    "stdio.h",
    "math.h",
    "ctype.h",
    "time.h",
    "errno.h",
    "strings.h",
    "unistd.h",
    "inttypes.h",
    "signal.h",
    "setjmp.h",
    "locale.h",
    "wchar.h",
    "fcntl.h",
    "pthread.h",
];

/// What the messages of clang and the linker about such a function or header mean; nothing where
/// they are of something else. `dir` is the folder of the project.
pub(super) fn explain(said: &str, dir: &Path) -> Option<String> {
    for line in said.lines() {
        if let Some((place, name)) = named(line, "call to undeclared ", "function '")
            && let Some(instead) = instead(name)
        {
            let place = place.strip_prefix(&format!("{}/", dir.display()));
            let place = place.and_then(|place| place.rsplit_once(": error: "));
            let place = place.map_or("plugin.c", |(place, _)| place);
            return Some(format!("{place}: calls `{name}`; {instead} ({THERE_IS})"));
        }
        if let Some((_, rest)) = line.split_once("fatal error: '")
            && let Some((header, _)) = rest.split_once("' file not found")
            && HEADERS.contains(&header)
        {
            return Some(format!("`{header}` is not there; {THERE_IS}"));
        }
        if let Some((_, name)) = line.split_once("undefined symbol: ") {
            let name = name.trim();
            let place = place(dir, name).unwrap_or_else(|| "the code".to_owned());
            let instead = instead(name).unwrap_or(
                "no file of the project defines it; write it, or put the file with it beside plugin.c",
            );
            return Some(format!("{place} calls `{name}`; {instead} ({THERE_IS})"));
        }
    }
    None
}

fn instead(name: &str) -> Option<&'static str> {
    let found = INSTEAD.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, instead)| *instead)
}

/// What stands before, and the name in quotes after.
fn named<'t>(line: &'t str, lead: &str, then: &str) -> Option<(&'t str, &'t str)> {
    let (before, rest) = line.split_once(lead)?;
    let (_, name) = rest.split_once(then)?;
    Some((before, name.split_once('\'')?.0))
}

/// The file and line of the project that first names a function; the linker does not know it.
fn place(dir: &Path, name: &str) -> Option<String> {
    let mut files = files_with(dir, "c").ok()?;
    files.extend(files_with(dir, "h").ok()?);
    files.into_iter().find_map(|file| {
        let text = within::text(&file).ok()??;
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let has = |line: &str| line.split(|c| !is_part(c)).any(|word| word == name);
        let line = text.lines().position(has)? + 1;
        Some(format!("{}:{line}", file.file_name()?.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_instead_is_told_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::fs::write(
            path.join("plugin.c"),
            "int a;\nextern int puts(const char *);\n",
        )
        .unwrap();
        let at = path.display();
        for (said, told) in [
            (
                format!("{at}/plugin.c:3:7: error: call to undeclared function 'strcmp'; ISO C99"),
                "plugin.c:3:7: calls `strcmp`; compare a text",
            ),
            (
                format!(
                    "{at}/plugin.c:3:7: error: call to undeclared library function 'printf' with"
                ),
                "plugin.c:3:7: calls `printf`; ask for the capability `log`",
            ),
            (
                "wasm-ld: error: lto.tmp: undefined symbol: puts".into(),
                "plugin.c:2 calls `puts`; ask for the capability `log`",
            ),
            (
                "wasm-ld: error: lto.tmp: undefined symbol: mine".into(),
                "the code calls `mine`; no file of the project defines it",
            ),
            (
                format!("{at}/plugin.c:1:10: fatal error: 'stdio.h' file not found"),
                "`stdio.h` is not there; there is no C library",
            ),
        ] {
            let found = explain(&said, path).unwrap();
            assert!(found.starts_with(told), "{found}");
            assert!(found.contains("of it there are malloc"), "{found}");
        }
        for other in [
            "plugin.c:3:7: error: call to undeclared function 'palisade_integre'",
            "plugin.c:1:10: fatal error: 'mine.h' file not found",
            "plugin.c:1:10: error: expected ';'",
        ] {
            assert_eq!(explain(other, path), None);
        }
    }
}
