//! The picture: digits leaning and leaning on each other, on bent paper, crossed by other strokes.
//!
//! Invariant: dark on light throughout, at more than 4.5 to 1, and each digit large enough to be
//! read on a phone.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "points become pixels of a picture of fixed size; what lies outside is left out"
)]

use crate::chance::Chance;
use crate::glyphs::{Point, strokes};
use crate::png;

/// Pixels across.
pub const WIDTH: u32 = 300;
/// Pixels down.
pub const HEIGHT: u32 = 100;

const PAPER: f32 = 232.0;
const INK: f32 = 48.0;
/// From one of the 16 greys to the next: noise of 256 would make the file three times as long.
const STEP: f32 = 17.0;
/// The middle of the first digit and how far the next one is, before chance.
const FIRST_X: f32 = 45.0;
const NEXT_X: f32 = 42.0;

/// The digits `code` as a PNG file of 16 greys; all that is left to chance follows from `seed`.
pub fn picture(code: &[u8], seed: &[u8; 32]) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let bend = Bend::draw(&mut chance);
    let mut ink = Layer::new();
    let mut x = FIRST_X + chance.between(-5.0, 5.0);
    for digit in code {
        write(&mut ink, *digit, x, &bend, &mut chance);
        x += NEXT_X + chance.between(-2.5, 2.5);
    }
    for _ in 0..2 {
        cross(&mut ink, chance.between(1.4, 1.9), &bend, &mut chance);
    }
    // Thin scratches through the ink part what belongs together, as the crossing strokes join what
    // does not.
    let mut scratches = Layer::new();
    for _ in 0..4 {
        cross(&mut scratches, 0.6, &bend, &mut chance);
    }
    png::file(WIDTH, HEIGHT, &develop(&ink, &scratches, &mut chance))
}

/// How the paper is bent.
struct Bend {
    waves: [Wave; 3],
}

struct Wave {
    height: f32,
    frequency: f32,
    phase: f32,
    /// Along x, moving y, or the other way round.
    along_x: bool,
}

impl Bend {
    fn draw(chance: &mut Chance) -> Self {
        let mut wave = |height, shortest: f32, longest, along_x| Wave {
            height,
            frequency: std::f32::consts::TAU / chance.between(shortest, longest),
            phase: chance.between(0.0, std::f32::consts::TAU),
            along_x,
        };
        Self {
            waves: [
                wave(6.0, 110.0, 190.0, true),
                wave(1.2, 42.0, 60.0, true),
                wave(4.0, 55.0, 90.0, false),
            ],
        }
    }

    fn at(&self, (x, y): Point) -> Point {
        let mut moved = (x, y);
        for wave in &self.waves {
            let along = if wave.along_x { x } else { y };
            let by = wave.height * (along * wave.frequency + wave.phase).sin();
            if wave.along_x {
                moved.1 += by;
            } else {
                moved.0 += by;
            }
        }
        moved
    }
}

fn write(ink: &mut Layer, digit: u8, x: f32, bend: &Bend, chance: &mut Chance) {
    let (wide, high) = (chance.between(29.0, 36.0), chance.between(50.0, 60.0));
    let turn = chance.between(-14.0, 14.0).to_radians();
    let slant = chance.between(-0.2, 0.2);
    let y = HEIGHT as f32 / 2.0 + chance.between(-7.0, 7.0);
    let radius = chance.between(2.2, 3.0);
    let place = |(u, v): Point| {
        let (across, down) = ((u - 0.5) * wide, (v - 0.5) * high);
        let across = across - slant * down;
        bend.at((
            x + across * turn.cos() - down * turn.sin(),
            y + across * turn.sin() + down * turn.cos(),
        ))
    };
    for stroke in strokes(digit, chance) {
        let placed = stroke.into_iter().map(place).collect::<Vec<_>>();
        ink.stroke(&placed, radius);
    }
}

/// A stroke from edge to edge.
fn cross(layer: &mut Layer, radius: f32, bend: &Bend, chance: &mut Chance) {
    let (from, to) = (chance.between(18.0, 82.0), chance.between(18.0, 82.0));
    let sag = chance.between(-34.0, 34.0);
    let points = (0..=40_u8).map(|number| {
        let part = f32::from(number) / 40.0;
        let y = from + (to - from) * part + sag * 4.0 * part * (1.0 - part);
        bend.at((part * WIDTH as f32, y))
    });
    layer.stroke(&points.collect::<Vec<_>>(), radius);
}

/// How far each pixel is covered, from 0 to 1.
struct Layer {
    covered: Vec<f32>,
}

impl Layer {
    fn new() -> Self {
        Self {
            covered: vec![0.0; (WIDTH * HEIGHT) as usize],
        }
    }

    fn stroke(&mut self, points: &[Point], radius: f32) {
        for ends in points.windows(2) {
            self.segment(ends[0], ends[1], radius);
        }
    }

    /// A line with round ends: a pixel is covered by how near its middle is to the line.
    fn segment(&mut self, from: Point, to: Point, radius: f32) {
        let reach = radius + 1.0;
        let span = |a: f32, b: f32, most: u32| {
            let first = (a.min(b) - reach).max(0.0) as u32;
            let last = (a.max(b) + reach).max(0.0) as u32;
            first..(last + 1).min(most)
        };
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let length_squared = (across * across + down * down).max(1e-6);
        for row in span(from.1, to.1, HEIGHT) {
            for column in span(from.0, to.0, WIDTH) {
                let (x, y) = (column as f32 + 0.5 - from.0, row as f32 + 0.5 - from.1);
                let part = ((x * across + y * down) / length_squared).clamp(0.0, 1.0);
                let (x, y) = (x - part * across, y - part * down);
                let distance = (x * x + y * y).sqrt();
                let covered = (radius + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = &mut self.covered[(row * WIDTH + column) as usize];
                *pixel = pixel.max(covered);
            }
        }
    }
}

/// Ink on paper that is a little uneven and a little dirty, a grey from 0 to 15 a pixel.
fn develop(ink: &Layer, scratches: &Layer, chance: &mut Chance) -> Vec<u8> {
    let (slope_x, slope_y) = (chance.between(-10.0, 10.0), chance.between(-8.0, 8.0));
    let layers = ink.covered.iter().zip(&scratches.covered).enumerate();
    let pixel = |(number, (ink, scratch)): (usize, (&f32, &f32))| {
        let x = (number % WIDTH as usize) as f32 / WIDTH as f32 - 0.5;
        let y = (number / WIDTH as usize) as f32 / HEIGHT as f32 - 0.5;
        let paper = PAPER + slope_x * x + slope_y * y;
        let covered = ink * (1.0 - 0.8 * scratch);
        let grey = paper + (INK - paper) * covered + chance.between(-14.0, 14.0);
        // A speck of dirt now and then, or of light in the ink.
        let speck = chance.below(60) == 0;
        let grey = if speck {
            grey + (140.0 - grey) * 0.7
        } else {
            grey
        };
        (grey.clamp(0.0, 255.0) / STEP).round() as u8
    };
    layers.map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [u8; 6] = [3, 1, 4, 1, 5, 9];
    /// What a page with a picture may cost.
    const BYTES_MAX: usize = 16_000;

    /// From 0 to 255.
    fn greys(file: &[u8]) -> Vec<u8> {
        let greys = png::tests::greys(file, WIDTH as usize);
        assert_eq!(greys.len(), (WIDTH * HEIGHT) as usize);
        greys.into_iter().map(|grey| grey * 17).collect()
    }

    #[test]
    fn ink_stands_out_from_paper() {
        for number in 0..8 {
            let file = picture(&CODE, &[number; 32]);
            assert!(file.len() < BYTES_MAX, "{} bytes", file.len());
            let mut greys = greys(&file);
            greys.sort_unstable();
            let dark = greys.iter().filter(|grey| **grey < 110).count();
            let share = dark as f32 / greys.len() as f32;
            assert!((0.06..0.2).contains(&share), "{share} of it is ink");
            // The contrast of WCAG 2.2 between what is mostly ink and what is mostly paper.
            let luminance = |grey: u8| (f32::from(grey) / 255.0).powf(2.2);
            let (ink, paper) = (greys[dark / 2], greys[greys.len() / 2]);
            let contrast = (luminance(paper) + 0.05) / (luminance(ink) + 0.05);
            assert!(contrast > 7.0, "{contrast} to 1");
        }
    }

    #[test]
    fn every_digit_leaves_ink_of_its_own_inside_the_picture() {
        let empty = greys(&picture(&[10; 6], &[5; 32]));
        for digit in 0..10 {
            let drawn = greys(&picture(&[digit; 6], &[5; 32]));
            let changed = |column: usize| {
                let rows = 0..HEIGHT as usize;
                let places = rows.map(|row| row * WIDTH as usize + column);
                places
                    .filter(|place| drawn[*place].abs_diff(empty[*place]) > 60)
                    .count()
            };
            let last = WIDTH as usize - 4;
            assert_eq!(
                (0..4).chain(last..last + 4).map(changed).sum::<usize>(),
                0,
                "{digit}"
            );
            for place in 0..6 {
                let middle = 45 + 42 * place;
                let ink: usize = (middle - 20..middle + 20).map(changed).sum();
                assert!(ink > 100, "{digit} at {place}: {ink} pixels");
            }
        }
    }

    #[test]
    fn the_seed_says_it_all() {
        assert_eq!(picture(&CODE, &[1; 32]), picture(&CODE, &[1; 32]));
        let pairs = greys(&picture(&CODE, &[1; 32]));
        let other = greys(&picture(&CODE, &[2; 32]));
        let differing = pairs.iter().zip(&other).filter(|(a, b)| a != b).count();
        assert!(differing > pairs.len() / 2, "{differing}");
    }
}
