//! Where the requests of an HTTP/1 connection begin and end, as far as is needed to tell a head that
//! names both a length and a transfer coding: hyper takes the coding and hides the length, a proxy
//! before us may have taken the length, and what one holds for a body is a request to the other.
//!
//! Invariant: nothing is served by what is found here, requests are only refused. What cannot be read
//! here is refused as well, with all that comes behind it, whether or not hyper can read it.

/// The beginning of a line that tells a header and a length apart from all others.
const LINE_BYTES: usize = 64;

/// Follows the bytes of one connection.
pub struct Framing {
    state: State,
    line: Line,
    /// Heads that ended.
    heads: u32,
    /// Of the head that is being read.
    length: Option<u64>,
    is_coded: bool,
    is_unreadable: bool,
}

#[derive(Clone, Copy)]
enum State {
    RequestLine,
    Header,
    ChunkSize,
    Trailer,
    /// So many bytes, then what the second says.
    Data(u64, After),
    /// Where the next request begins is not known here.
    Lost,
}

#[derive(Clone, Copy)]
enum After {
    Request,
    Chunk,
}

/// A line, of which only the beginning is kept.
struct Line {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Framing {
    /// At the start of a connection.
    pub fn new() -> Self {
        Self {
            state: State::RequestLine,
            line: Line {
                bytes: [0; LINE_BYTES],
                length: 0,
            },
            heads: 0,
            length: None,
            is_coded: false,
            is_unreadable: false,
        }
    }

    /// Whether a head has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        match self.state {
            State::Header => true,
            State::RequestLine => self.line.length > 0,
            _ => false,
        }
    }

    /// Takes the next bytes. The answer is the number of the first request, counted from one, that is
    /// not to be believed: its head names both a length and a coding, or cannot be read here.
    pub fn read(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut ambiguous = None;
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Lost => return ambiguous.or(Some(self.heads.saturating_add(1))),
                State::Data(left, after) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    self.state = match (left - count as u64, after) {
                        (0, After::Request) => State::RequestLine,
                        (0, After::Chunk) => State::ChunkSize,
                        (left, after) => State::Data(left, after),
                    };
                    &bytes[count..]
                }
                _ => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    self.line.extend(&bytes[..end.unwrap_or(bytes.len())]);
                    let Some(end) = end else { break };
                    if self.end_line() {
                        ambiguous = ambiguous.or(Some(self.heads));
                    }
                    self.line.length = 0;
                    &bytes[end + 1..]
                }
            };
        }
        ambiguous
    }

    /// Whether an ambiguous head ended with this line.
    fn end_line(&mut self) -> bool {
        let line = self.line.text();
        match self.state {
            // Empty lines before a request are skipped by all.
            State::RequestLine if line.is_empty() => {}
            State::RequestLine => self.state = State::Header,
            State::Header if line.is_empty() => return self.end_head(),
            State::Header => self.header(),
            State::ChunkSize => self.state = self.line.chunk(),
            State::Trailer if line.is_empty() => self.state = State::RequestLine,
            State::Trailer | State::Data(..) | State::Lost => {}
        }
        false
    }

    fn header(&mut self) {
        let mut parts = self.line.text().splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.is_coded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            match number(value.trim_ascii(), 10) {
                Some(length) if !self.line.is_cut() => self.length = Some(length),
                _ => self.is_unreadable = true,
            }
        }
    }

    fn end_head(&mut self) -> bool {
        self.heads = self.heads.saturating_add(1);
        let length = self.length.take();
        let is_coded = std::mem::take(&mut self.is_coded);
        self.state = match length {
            _ if self.is_unreadable => State::Lost,
            _ if is_coded => State::ChunkSize,
            Some(length @ 1..) => State::Data(length, After::Request),
            _ => State::RequestLine,
        };
        self.is_unreadable || is_coded && length.is_some()
    }
}

impl Line {
    fn extend(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(LINE_BYTES - self.length);
        self.bytes[self.length..self.length + count].copy_from_slice(&bytes[..count]);
        self.length += count;
    }

    fn text(&self) -> &[u8] {
        self.bytes[..self.length].trim_ascii_end()
    }

    /// Whether there may have been more of it.
    fn is_cut(&self) -> bool {
        self.length == LINE_BYTES
    }

    /// What comes behind this line if it gives the size of a chunk.
    fn chunk(&self) -> State {
        let line = self.text();
        let end = line
            .iter()
            .position(|byte| matches!(byte, b';' | b' ' | b'\t'));
        if end.is_none() && self.is_cut() {
            return State::Lost;
        }
        match number(&line[..end.unwrap_or(line.len())], 16) {
            Some(0) => State::Trailer,
            // The line end behind a chunk is of two bytes, or hyper refuses it.
            Some(size) => State::Data(size.saturating_add(2), After::Chunk),
            None => State::Lost,
        }
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::Framing;

    /// Which request is ambiguous, however the bytes are cut into pieces.
    fn check(text: &str, expected: Option<u32>, ends_in_head: bool) {
        for piece in [1, 2, 3, 7, 64, 4096] {
            let mut framing = Framing::new();
            let found = text
                .as_bytes()
                .chunks(piece)
                .fold(None, |found, bytes| found.or(framing.read(bytes)));
            assert_eq!(found, expected, "{text:?} in pieces of {piece}");
            assert_eq!(framing.is_in_head(), ends_in_head, "{text:?}");
        }
    }

    #[test]
    fn a_head_with_a_length_and_a_coding_is_found() {
        const BOTH: &str =
            "POST / HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: 3\r\nTransfer-encoding: chunked\r\n\r\n";
        check(BOTH, Some(1), false);
        check(&BOTH.replace("\r\n", "\n"), Some(1), false);
        let turned = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n";
        check(turned, Some(1), false);
        for before in [
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "\r\n\nGET / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab\r\nc",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
             A;x=\"y\"\r\n0123\r\n\r\nab\r\n0\r\nt: u\r\n\r\n",
        ] {
            check(before, None, false);
            check(&format!("{before}{BOTH}"), Some(2), false);
            check(&format!("{before}{before}{BOTH}0\r\n\r\n"), Some(3), false);
        }
    }

    #[test]
    fn what_a_body_says_is_not_a_header() {
        let said = "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
        let length = said.len();
        check(
            &format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{said}"),
            None,
            false,
        );
        check(
            &format!(
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{said}\r\n0\r\n\r\n"
            ),
            None,
            false,
        );
    }

    #[test]
    fn a_head_is_begun_until_its_empty_line() {
        check("", None, false);
        check("\r\n", None, false);
        check("G", None, true);
        check("GET / HTTP/1.1\r\n", None, true);
        check("GET / HTTP/1.1\r\nhost: x\r\n", None, true);
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        let blanks = " ".repeat(60);
        let zeros = "0".repeat(70);
        for length in ["many", "", &format!("{blanks}5"), &format!("{zeros}5")] {
            let head = format!("POST / HTTP/1.1\r\ncontent-length:{length}\r\n\r\n");
            check(&head, Some(1), false);
        }
        let coded = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        for size in ["many", "", &zeros, &format!("{zeros}5;x")] {
            check(&format!("{coded}{size}\r\n"), None, false);
            check(&format!("{coded}{size}\r\nG"), Some(2), false);
        }
        check(&format!("{coded}5;{zeros}\r\nabcde\r\n"), None, false);
    }
}
