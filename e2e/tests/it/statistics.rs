//! Whether a draw looks fair.

/// Every number from 0 to one below their count, each once.
pub fn is_permutation(places: &[u64]) -> bool {
    let mut seen = vec![false; places.len()];
    places.iter().all(|place| {
        let place = usize::try_from(*place).unwrap_or(usize::MAX);
        seen.get_mut(place)
            .is_some_and(|seen| !std::mem::replace(seen, true))
    })
}

/// Spearman's rank correlation of pairs, neither side of which repeats a number.
pub fn rank_correlation(pairs: &[(u64, u64)]) -> f64 {
    let ranks = |mut values: Vec<u64>| {
        let of = values.clone();
        values.sort_unstable();
        let rank = move |value| values.binary_search(&value).unwrap();
        of.into_iter().map(rank).collect::<Vec<_>>()
    };
    let first = ranks(pairs.iter().map(|pair| pair.0).collect());
    let second = ranks(pairs.iter().map(|pair| pair.1).collect());
    let squares = first.iter().zip(second).map(|(a, b)| a.abs_diff(b).pow(2));
    let count = pairs.len() as f64;
    1.0 - 6.0 * squares.sum::<usize>() as f64 / (count * (count * count - 1.0))
}

/// The correlation of that many unrelated pairs exceeds this once in 16,000 times.
pub fn unrelated_max(count: usize) -> f64 {
    4.0 / (count as f64 - 1.0).sqrt()
}

#[test]
fn a_draw_that_is_none_is_told_from_one_that_is() {
    assert!(is_permutation(&[2, 0, 1]) && is_permutation(&[]));
    assert!(!is_permutation(&[0, 0, 1]) && !is_permutation(&[1, 2, 3]));
    let check = |place: fn(u64) -> u64, low: f64, high: f64| {
        let pairs: Vec<_> = (0..1_000)
            .map(|arrival| (arrival + 7, place(arrival)))
            .collect();
        let rho = rank_correlation(&pairs);
        assert!((low..=high).contains(&rho), "{rho} from {low} to {high}");
    };
    check(|arrival| arrival, 1.0, 1.0);
    check(|arrival| 999 - arrival, -1.0, -1.0);
    // Multiplied by a number without common divisors: a permutation without much order.
    let most = unrelated_max(1_000);
    check(|arrival| arrival * 387 % 1_000, -most, most);
}
