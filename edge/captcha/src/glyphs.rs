//! The ten digits as strokes, in two hands each where people write them in two ways.
//!
//! Invariant: a digit fills the unit square from (0, 0) at its left top to (1, 1), and its strokes
//! come as points so close together that bending them keeps them smooth.

use crate::chance::Chance;

/// A point; y grows downwards.
pub(crate) type Point = (f32, f32);

/// A piece of a stroke.
enum Piece {
    /// From, to.
    Line(Point, Point),
    /// Centre, radii, and the angles between which it runs, in degrees, clockwise from the right.
    Arc(Point, Point, f32, f32),
}

use Piece::{Arc, Line};

const STEPS: u8 = 14;

const ZERO: &[Piece] = &[Arc((0.5, 0.5), (0.37, 0.5), 0.0, 360.0)];
const ONE: &[Piece] = &[
    Line((0.24, 0.24), (0.55, 0.0)),
    Line((0.55, 0.0), (0.55, 1.0)),
    Line((0.2, 1.0), (0.9, 1.0)),
];
const TWO: &[Piece] = &[
    Arc((0.48, 0.29), (0.36, 0.29), 190.0, 395.0),
    Line((0.775, 0.456), (0.1, 1.0)),
    Line((0.1, 1.0), (0.92, 1.0)),
];
const THREE: &[Piece] = &[
    Arc((0.45, 0.265), (0.35, 0.265), 205.0, 450.0),
    Arc((0.45, 0.765), (0.39, 0.235), 270.0, 515.0),
];
const THREE_FLAT: &[Piece] = &[
    Line((0.15, 0.0), (0.82, 0.0)),
    Line((0.82, 0.0), (0.45, 0.42)),
    Arc((0.45, 0.71), (0.4, 0.29), 270.0, 515.0),
];
const FOUR: &[Piece] = &[
    Line((0.68, 0.0), (0.06, 0.68)),
    Line((0.06, 0.68), (0.96, 0.68)),
    Line((0.68, 0.0), (0.68, 1.0)),
];
const FOUR_OPEN: &[Piece] = &[
    Line((0.22, 0.0), (0.1, 0.58)),
    Line((0.1, 0.58), (0.95, 0.58)),
    Line((0.72, 0.2), (0.72, 1.0)),
];
const FIVE: &[Piece] = &[
    Line((0.84, 0.0), (0.22, 0.0)),
    Line((0.22, 0.0), (0.17, 0.47)),
    Arc((0.46, 0.68), (0.39, 0.32), 222.0, 508.0),
];
const SIX: &[Piece] = &[
    Arc((0.5, 0.69), (0.37, 0.31), 0.0, 360.0),
    Arc((0.8, 0.69), (0.67, 0.69), 180.0, 262.0),
];
const SEVEN: &[Piece] = &[
    Line((0.08, 0.0), (0.92, 0.0)),
    Line((0.92, 0.0), (0.38, 1.0)),
    Line((0.35, 0.5), (0.88, 0.5)),
];
const EIGHT: &[Piece] = &[
    Arc((0.5, 0.245), (0.31, 0.245), 0.0, 360.0),
    Arc((0.5, 0.745), (0.38, 0.255), 0.0, 360.0),
];
const NINE: &[Piece] = &[
    Arc((0.5, 0.31), (0.37, 0.31), 0.0, 360.0),
    Arc((0.2, 0.31), (0.67, 0.69), 0.0, 82.0),
];

const HANDS: [&[&[Piece]]; 10] = [
    &[ZERO],
    &[ONE],
    &[TWO],
    &[THREE, THREE_FLAT],
    &[FOUR, FOUR_OPEN],
    &[FIVE],
    &[SIX],
    &[SEVEN],
    &[EIGHT],
    &[NINE],
];

/// The strokes of a digit, in one of its hands; none for what is no digit.
pub(crate) fn strokes(digit: u8, chance: &mut Chance) -> Vec<Vec<Point>> {
    let hand = chance.below(2);
    let Some(hands) = HANDS.get(usize::from(digit)) else {
        return Vec::new();
    };
    hands[hand % hands.len()].iter().map(points).collect()
}

fn points(piece: &Piece) -> Vec<Point> {
    let step = |number: u8| f32::from(number) / f32::from(STEPS);
    let at = |part: f32| match piece {
        Line(from, to) => (
            from.0 + (to.0 - from.0) * part,
            from.1 + (to.1 - from.1) * part,
        ),
        Arc(centre, radii, from, to) => {
            let angle = (from + (to - from) * part).to_radians();
            (
                centre.0 + radii.0 * angle.cos(),
                centre.1 + radii.1 * angle.sin(),
            )
        }
    };
    (0..=STEPS).map(|number| at(step(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_fills_its_square_and_nothing_beyond() {
        for hands in HANDS {
            for hand in hands {
                let points = hand.iter().flat_map(points).collect::<Vec<_>>();
                let ys = points.iter().map(|point| point.1);
                let (top, bottom) = ys.fold((1.0_f32, 0.0_f32), |(low, high), y| {
                    (low.min(y), high.max(y))
                });
                assert!(top < 0.02 && bottom > 0.98, "{top} to {bottom}");
                let inside = |part: f32| (-0.01..=1.01).contains(&part);
                assert!(
                    points
                        .iter()
                        .all(|point| inside(point.0) && inside(point.1))
                );
            }
        }
        assert!(strokes(10, &mut Chance::new(&[0; 32])).is_empty());
    }
}
