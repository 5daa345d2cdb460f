//! The Merkle tree over a PoP's tickets, as RFC 6962, section 2.1, defines it.
//!
//! Invariant: the root fixes every leaf and its position. A PoP folds its leaves chunk by chunk; as
//! a chunk is a power of two, the roots of the chunks are nodes of the very tree that RFC 6962
//! builds over all leaves.

use sha2::{Digest as _, Sha256};

/// A node: SHA-256.
pub type Digest = [u8; 32];
/// Leaves of a chunk; all chunks but the last are full.
pub const CHUNK: usize = 1_024;
/// The root of a tree without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The leaf of a ticket: SHA-256 of a zero byte, the arrival in 8 bytes, big-endian, and the text.
pub fn leaf(arrival: u64, ticket: &str) -> Digest {
    let hash = Sha256::new()
        .chain_update([0])
        .chain_update(arrival.to_be_bytes());
    hash.chain_update(ticket.as_bytes()).finalize().into()
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let hash = Sha256::new().chain_update([1]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

/// The root of the tree over these nodes, in order; the nodes are leaves, or roots of full chunks
/// with, last, that of a chunk that need not be full.
pub fn tree_root(nodes: &[Digest]) -> Digest {
    match nodes {
        [] => Sha256::digest([]).into(),
        [only] => *only,
        _ => {
            let (left, right) = nodes.split_at(split(nodes.len()));
            node(&tree_root(left), &tree_root(right))
        }
    }
}

/// The audit path of the leaf at `index`, from the leaf up: `chunk` are the leaves of its chunk,
/// `chunks` the roots of all.
pub fn proof(chunk: &[Digest], chunks: &[Digest], index: u64) -> Vec<Digest> {
    let size = CHUNK as u64;
    let (Ok(position), Ok(number)) = (usize::try_from(index % size), usize::try_from(index / size))
    else {
        return Vec::new();
    };
    let mut path = Vec::new();
    audit_path(chunk, position, &mut path);
    audit_path(chunks, number, &mut path);
    path
}

fn audit_path(nodes: &[Digest], index: usize, path: &mut Vec<Digest>) {
    if nodes.len() < 2 || index >= nodes.len() {
        return;
    }
    let (left, right) = nodes.split_at(split(nodes.len()));
    if index < left.len() {
        audit_path(left, index, path);
        path.push(tree_root(right));
    } else {
        audit_path(right, index - left.len(), path);
        path.push(tree_root(left));
    }
}

/// The root that a leaf at `index` of `size` and its audit path lead to; `None` if the path has not
/// the length it must have. RFC 9162, section 2.1.3.2, says how.
pub(super) fn root_of_path(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut position, mut last, mut root) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if position & 1 == 1 || position == last {
            root = node(sibling, &root);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            root = node(&root, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    1 << (usize::BITS - 1 - (count - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|number| leaf(number, "t")).collect()
    }

    #[test]
    fn a_tree_of_chunks_is_the_tree_of_all_leaves() {
        for count in [1, 2, 1_023, 1_024, 1_025, 3_000, 5_121] {
            let leaves = leaves(count);
            let chunks: Vec<_> = leaves.chunks(CHUNK).map(tree_root).collect();
            assert_eq!(tree_root(&chunks), tree_root(&leaves), "{count}");
        }
        assert_eq!(hex::encode(tree_root(&[])), EMPTY_ROOT);
    }

    #[test]
    fn every_leaf_has_a_path_to_the_root_and_no_other_has() {
        for count in [1_u64, 2, 3, 7, 1_024, 1_030, 2_050] {
            let leaves = leaves(count);
            let chunks: Vec<_> = leaves.chunks(CHUNK).map(tree_root).collect();
            let root = tree_root(&leaves);
            for index in (0..count).step_by(usize::try_from(count / 5 + 1).unwrap()) {
                let number = usize::try_from(index).unwrap();
                let chunk = leaves.chunks(CHUNK).nth(number / CHUNK).unwrap();
                let path = proof(chunk, &chunks, index);
                let found = |leaf, index, size| root_of_path(leaf, index, size, &path);
                assert_eq!(
                    found(leaves[number], index, count),
                    Some(root),
                    "{count} {index}"
                );
                assert_ne!(found(leaf(count, "t"), index, count), Some(root));
                assert_ne!(found(leaves[number], index + 1, count), Some(root));
                assert_ne!(found(leaves[number], index, count * 2 + 2), Some(root));
            }
        }
    }

    #[test]
    fn the_hashes_are_those_of_rfc_6962() {
        // The first leaves of the test vectors of certificate-transparency-go, whose leaf is the
        // hash of a zero byte and the data: ours puts the arrival in front of the ticket.
        let empty: Digest = Sha256::digest([0]).into();
        let second: Digest = Sha256::digest([0, 0]).into();
        let root = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
        assert_eq!(hex::encode(tree_root(&[empty, second])), root);
    }
}
