//! Lines of bounded length from a connection that may send anything.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What the next line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// With its line end.
    Whole(Vec<u8>),
    /// Longer than allowed; all of it was read and dropped.
    TooLong,
    /// The peer has closed the connection; a last line without an end does not count.
    End,
}

/// Reads up to and with the next `\n`, keeping at most `bytes_max` bytes.
pub async fn next<R>(reader: &mut R, bytes_max: usize) -> io::Result<Line>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(Line::End);
        }
        let end = chunk
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|index| index + 1);
        let taken = end.unwrap_or(chunk.len());
        too_long |= line.len() + taken > bytes_max;
        if too_long {
            line.clear();
        } else {
            line.extend_from_slice(&chunk[..taken]);
        }
        reader.consume(taken);
        if end.is_some() {
            return Ok(if too_long {
                Line::TooLong
            } else {
                Line::Whole(line)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::{Line, next};

    #[tokio::test]
    async fn a_long_line_is_dropped_and_the_next_one_read() {
        let mut reader = BufReader::with_capacity(3, &b"1234567\r\nok\r\nrest"[..]);
        assert_eq!(next(&mut reader, 6).await.unwrap(), Line::TooLong);
        assert_eq!(
            next(&mut reader, 6).await.unwrap(),
            Line::Whole(b"ok\r\n".to_vec())
        );
        assert_eq!(next(&mut reader, 6).await.unwrap(), Line::End);
    }
}
