//! PNG (ISO/IEC 15948), as much of it as a picture of 16 greys needs.
//!
//! Invariant: every chunk stands behind its length and before its checksum.

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Write;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Four bits a pixel, grey, and of compression, filters and interlacing the only or first kinds.
const FORMAT: [u8; 5] = [4, 0, 0, 0, 0];
/// The filter of each row: none, as noise does not follow from its neighbours.
const UNFILTERED: u8 = 0;

/// The file of a picture `width` pixels wide, an even number, from greys of 0 to 15.
pub(crate) fn file(width: u32, height: u32, greys: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(13);
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend(FORMAT);

    let mut rows = Vec::with_capacity(greys.len() / 2 + height as usize);
    for row in greys.chunks(width as usize) {
        rows.push(UNFILTERED);
        rows.extend(row.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = packed.write_all(&rows).and_then(|()| packed.finish());
    let packed = match packed {
        Ok(packed) => packed,
        Err(error) => unreachable!("memory takes all: {error}"),
    };

    let mut file = SIGNATURE.to_vec();
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &packed);
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    file.extend(length.to_be_bytes());
    let begin = file.len();
    file.extend(name);
    file.extend(content);
    let mut checksum = Crc::new();
    checksum.update(&file[begin..]);
    file.extend(checksum.sum().to_be_bytes());
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Read;

    /// The greys of a file made here.
    pub(crate) fn greys(file: &[u8], width: usize) -> Vec<u8> {
        let mut rest = file.strip_prefix(SIGNATURE).unwrap();
        let mut content = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut checksum = Crc::new();
            checksum.update(&rest[4..8 + length]);
            let (chunk, after) = rest.split_at(12 + length);
            assert_eq!(chunk[8 + length..], checksum.sum().to_be_bytes());
            if &chunk[4..8] == b"IDAT" {
                content.extend(&chunk[8..8 + length]);
            }
            rest = after;
        }
        let mut rows = Vec::new();
        let mut unpacked = flate2::read::ZlibDecoder::new(&content[..]);
        unpacked.read_to_end(&mut rows).unwrap();
        let rows = rows.chunks_exact(1 + width / 2);
        let pairs = rows.flat_map(|row| &row[1..]);
        pairs.flat_map(|pair| [pair >> 4, pair & 15]).collect()
    }

    #[test]
    fn a_picture_reads_as_it_was_written() {
        let drawn = (0..64_u8).map(|number| number % 16).collect::<Vec<_>>();
        let file = file(16, 4, &drawn);
        assert_eq!(greys(&file, 16), drawn);
        assert_eq!(&file[16..24], &[0, 0, 0, 16, 0, 0, 0, 4]);
        // As every PNG file ends.
        assert!(file.ends_with(&[0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]));
    }
}
