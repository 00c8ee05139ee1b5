//! What syslog, journald and containers put before a message.

/// What comes after the header of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// An object, or a list of them, from this byte on.
    Object(usize),
    /// Something else.
    Other,
}

/// The message of a line that begins with a header; none if it begins with no header.
///
/// Known are RFC 3164 and RFC 5424, with or without priority and counted octets, lines of
/// files that syslog and journald write (times of either form), `MESSAGE=` of journald's export,
/// the lines of container runtimes (`2025-01-01T00:00:00Z stdout F …`), and times alone.
pub(super) fn read(line: &[u8]) -> Option<Message> {
    let mut rest = Rest(line.trim_ascii_start());
    let mut known = rest.octets();
    known |= rest.priority();
    if let Some(message) = rest.0.strip_prefix(b"MESSAGE=") {
        return Some(message_of(line, message));
    }
    if known && rest.0.starts_with(b"1 ") {
        return Some(match rest.structured() {
            Some(message) => message_of(line, message),
            None => Message::Other,
        });
    }
    if !rest.time() && !known {
        return None;
    }
    // Host and tag, or stream and flag, or nothing.
    let mut last: &[u8] = b":";
    for _ in 0..2 {
        if is_object(rest.0) {
            break;
        }
        match rest.word() {
            Some(word) => last = word,
            None => return Some(Message::Other),
        }
    }
    if !last.ends_with(b":") && last != b"F" {
        return Some(Message::Other);
    }
    Some(message_of(line, rest.0))
}

fn is_object(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"{") || text.starts_with(b"[{") || text.starts_with(b"@cee:")
}

fn message_of(line: &[u8], message: &[u8]) -> Message {
    let message = message.trim_ascii_start();
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let message = message.strip_prefix(b"@cee:").unwrap_or(message);
    if is_object(message) {
        Message::Object(line.len() - message.len())
    } else {
        Message::Other
    }
}

struct Rest<'l>(&'l [u8]);

impl<'l> Rest<'l> {
    /// A word and the white space after it.
    fn word(&mut self) -> Option<&'l [u8]> {
        let end = self
            .0
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t'))?;
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_ascii_start();
        Some(word)
    }

    /// The length of the message that RFC 6587 puts before it.
    fn octets(&mut self) -> bool {
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        match self.0.get(digits..) {
            Some([b' ', rest @ ..]) if (1..=7).contains(&digits) && rest.starts_with(b"<") => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// `<37>`.
    fn priority(&mut self) -> bool {
        let Some(rest) = self.0.strip_prefix(b"<") else {
            return false;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest.get(digits..) {
            Some([b'>', rest @ ..]) if (1..=3).contains(&digits) => {
                self.0 = rest.trim_ascii_start();
                true
            }
            _ => false,
        }
    }

    /// Time, host, name, process, id of the message and structured data of RFC 5424; what
    /// comes after them.
    fn structured(&mut self) -> Option<&'l [u8]> {
        for _ in 0..6 {
            self.word()?;
        }
        if let Some(rest) = self.0.strip_prefix(b"-") {
            return Some(rest);
        }
        while self.0.starts_with(b"[") && !is_object(self.0) {
            let (mut quoted, mut escaped) = (false, false);
            let end = self.0.iter().position(|byte| {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b']' if !quoted => return true,
                    _ => {}
                }
                false
            })?;
            self.0 = self.0.get(end + 1..)?;
        }
        Some(self.0)
    }

    /// `Jun 15 15:06:40`, with or without year and fraction, or a time of ISO 8601.
    fn time(&mut self) -> bool {
        const MONTHS: [&[u8]; 12] = [
            b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
            b"Dec",
        ];
        let before = self.0;
        let is_clock = |word: &[u8]| {
            let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
            word.get(2) == Some(&b':') && word.get(5) == Some(&b':') && digits >= 6
        };
        let is_number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        let found = (|| {
            let first = self.word()?;
            if first.len() >= 19 && first.get(4) == Some(&b'-') {
                return crate::time::iso(first).map(|_| ());
            }
            if !MONTHS.contains(&first) || !is_number(self.word()?) {
                return None;
            }
            let mut clock = self.word()?;
            if clock.len() == 4 && is_number(clock) {
                clock = self.word()?;
            }
            is_clock(clock).then_some(())
        })();
        if found.is_none() {
            self.0 = before;
        }
        found.is_some()
    }
}
