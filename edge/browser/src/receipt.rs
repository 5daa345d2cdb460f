//! A receipt for a drawn place, recomputed.
//!
//! Invariant: what it calls right is what `doorbuster lobby verify` calls right, for it is the same
//! code; and what cannot be read is neither right nor wrong.

use kernel::lobby::Receipt;
use serde::Serialize;

/// What the page hears.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Said {
    Place(u64),
    Wrong(String),
    Error(String),
}

/// Recomputes all that a receipt claims.
pub(crate) fn verify(receipt: &[u8]) -> Vec<u8> {
    let said = match serde_json::from_slice::<Receipt>(receipt) {
        Ok(receipt) => match receipt.verify() {
            Ok(place) => Said::Place(place),
            Err(bad) => Said::Wrong(bad.to_string()),
        },
        Err(error) => Said::Error(error.to_string()),
    };
    serde_json::to_vec(&said).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::SaleId;
    use kernel::lobby::{Lobby, LobbyPop, commitment, leaf, proof, tree_root};
    use kernel::time::UnixMillis;

    fn receipt() -> Receipt {
        let leaves: Vec<_> = (1..=9)
            .map(|arrival| leaf(arrival, &format!("ticket {arrival}")))
            .collect();
        let root = tree_root(&leaves);
        let lobby = Lobby {
            commitment: commitment(&[7; 32]),
            seed: Some("07".repeat(32)),
            waiting: 9,
            beacon: None,
            drawn_at_ms: Some(UnixMillis(1)),
            pops: vec![LobbyPop {
                id: "pop-1".to_owned(),
                count: 9,
                size: 9,
                root: hex::encode(root),
            }],
        };
        let place = lobby.draw(SaleId(5)).unwrap().place("pop-1", 4);
        Receipt {
            sale_id: SaleId(5),
            pop: "pop-1".to_owned(),
            arrival: 4,
            ticket: "ticket 4".to_owned(),
            proof: proof(&leaves, &[root], 3).iter().map(hex::encode).collect(),
            place,
            lobby,
        }
    }

    fn said(text: &[u8]) -> String {
        String::from_utf8(verify(text)).unwrap()
    }

    #[test]
    fn a_receipt_is_right_wrong_or_none() {
        let mut receipt = receipt();
        let text = serde_json::to_vec(&receipt).unwrap();
        assert_eq!(said(&text), format!(r#"{{"place":{}}}"#, receipt.place));

        receipt.place += 1;
        let text = serde_json::to_vec(&receipt).unwrap();
        let expected = r#"{"wrong":"the place is not the one that the draw gives"}"#;
        assert_eq!(said(&text), expected);

        for other in ["", "{}", "[1]", r#"{"sale_id":"5"}"#] {
            assert!(
                said(other.as_bytes()).starts_with(r#"{"error":""#),
                "{other}"
            );
        }
    }
}
