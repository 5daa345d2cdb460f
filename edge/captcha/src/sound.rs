//! The sound: digits in two voices at changing pitch, with murmur and noise behind them.
//!
//! Invariant: nothing is clipped, the spoken digits stand well above what is behind them, and six of
//! them take 6 to 12 seconds.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "samples of a sound of a few seconds; levels are clamped before they become bytes"
)]

use crate::chance::Chance;

/// Samples a second.
pub const RATE_HZ: u32 = 8_000;

/// The header of the files in `samples/`, and of ours.
const HEADER: usize = 44;
const RATE: f32 = RATE_HZ as f32;
/// Peaks, of 1: the digits, what murmurs behind them, and the hiss.
const DIGIT: f32 = 0.72;
const MURMUR: f32 = 0.14;
const HISS: f32 = 0.025;
/// Seconds of silence before the first digit and after the last, and between two.
const LEAD_SECONDS: f32 = 0.9;
const GAP_SECONDS: (f32, f32) = (0.55, 1.0);

macro_rules! voice {
    ($name:literal) => {
        [
            include_bytes!(concat!("../samples/", $name, "0.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "1.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "2.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "3.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "4.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "5.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "6.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "7.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "8.wav")).as_slice(),
            include_bytes!(concat!("../samples/", $name, "9.wav")).as_slice(),
        ]
    };
}

static VOICES: [[&[u8]; 10]; 2] = [voice!("a"), voice!("b")];

/// The digits `code` as a WAV file, 8 kHz, mono, 8 bits; all that is left to chance follows from
/// `seed`.
pub fn sound(code: &[u8], seed: &[u8; 32]) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut spoken = silence(LEAD_SECONDS);
    for digit in code {
        let voice = &VOICES[chance.below(VOICES.len())];
        if let Some(sample) = voice.get(usize::from(*digit)) {
            let pitch = chance.between(0.88, 1.1);
            let level = DIGIT * chance.between(0.8, 1.0);
            spoken.extend(played(sample, pitch).map(|value| value * level));
        }
        spoken.extend(silence(chance.between(GAP_SECONDS.0, GAP_SECONDS.1)));
    }
    spoken.extend(silence(LEAD_SECONDS / 2.0));
    murmur(&mut spoken, &mut chance);
    hiss(&mut spoken, &mut chance);
    wav(&spoken)
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * RATE) as usize]
}

/// What a file's data chunk holds, without the byte that fills it up to an even length.
fn samples(file: &'static [u8]) -> &'static [u8] {
    let length = file.get(HEADER - 4..HEADER).unwrap_or_default();
    let length = length
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    file.get(HEADER..HEADER + length).unwrap_or_default()
}

/// A file's samples, -1 to 1, `pitch` times as fast.
fn played(file: &'static [u8], pitch: f32) -> impl Iterator<Item = f32> {
    let samples = samples(file);
    let value = move |number: usize| f32::from(samples[number]) / 128.0 - 1.0;
    let count = (samples.len().saturating_sub(1) as f32 / pitch) as usize;
    (0..count).map(move |number| {
        let at = number as f32 * pitch;
        let before = (at as usize).min(samples.len() - 2);
        let part = at - before as f32;
        value(before) + (value(before + 1) - value(before)) * part
    })
}

/// Speech played backwards, low, all the way: it sounds as people do, and says nothing.
fn murmur(spoken: &mut [f32], chance: &mut Chance) {
    for _ in 0..2 {
        let mut at = chance.below(2_000);
        while at < spoken.len() {
            let sample = VOICES[chance.below(2)][chance.below(10)];
            let pitch = chance.between(0.75, 1.25);
            let level = MURMUR * chance.between(0.5, 1.0);
            let mut backwards = played(sample, pitch).collect::<Vec<_>>();
            backwards.reverse();
            for (value, added) in spoken[at..].iter_mut().zip(&backwards) {
                *value += added * level;
            }
            at += backwards.len() + chance.below(2_400);
        }
    }
}

/// Noise, duller than white noise, which is easily filtered out.
fn hiss(spoken: &mut [f32], chance: &mut Chance) {
    let mut dull = 0.0;
    for value in spoken {
        dull = 0.6 * dull + 0.4 * chance.between(-1.0, 1.0);
        *value += dull * HISS * 2.0;
    }
}

/// A RIFF file of one format chunk and one of data.
fn wav(values: &[f32]) -> Vec<u8> {
    let length = values.len() as u32;
    let mut file = Vec::with_capacity(HEADER + values.len());
    file.extend(b"RIFF");
    file.extend((36 + length + length % 2).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // PCM, one channel, a byte a sample.
    file.extend([1, 0, 1, 0]);
    file.extend(RATE_HZ.to_le_bytes());
    file.extend(RATE_HZ.to_le_bytes());
    file.extend([1, 0, 8, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    let byte = |value: &f32| (128.0 + value.clamp(-1.0, 1.0) * 127.0) as u8;
    file.extend(values.iter().map(byte));
    if length % 2 == 1 {
        // Chunks end at even places.
        file.push(0);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [u8; 6] = [3, 1, 4, 1, 5, 9];

    fn whole(code: &[u8], seed: &[u8; 32]) -> &'static [u8] {
        sound(code, seed).leak()
    }

    fn values(samples: &[u8]) -> Vec<f32> {
        let bytes = samples.iter();
        bytes.map(|byte| f32::from(*byte) / 128.0 - 1.0).collect()
    }

    #[test]
    fn every_sample_is_as_it_is_read() {
        for file in VOICES.iter().flatten() {
            assert_eq!(&file[..4], b"RIFF");
            assert_eq!(&file[8..16], b"WAVEfmt ");
            assert_eq!(file[20..24], [1, 0, 1, 0], "PCM, mono");
            assert_eq!(file[24..28], RATE_HZ.to_le_bytes());
            assert_eq!(file[34], 8, "bits");
            assert_eq!(&file[36..40], b"data");
            let peak = values(samples(file))
                .into_iter()
                .fold(0.0_f32, |peak, value| peak.max(value.abs()));
            assert!(peak > 0.7, "as loud as can be: {peak}");
            assert!((2_000..8_000).contains(&file.len()));
        }
    }

    #[test]
    fn six_digits_take_six_to_twelve_seconds_and_nothing_clips() {
        for number in 0..60_u8 {
            let code = [number % 10, 8, 7, number / 10, 0, 2];
            let file = whole(&code, &[number; 32]);
            let seconds = samples(file).len() as f32 / RATE;
            assert!((6.0..12.0).contains(&seconds), "{seconds} s");
            let peak = values(samples(file))
                .into_iter()
                .fold(0.0_f32, |peak, value| peak.max(value.abs()));
            assert!((0.5..0.99).contains(&peak), "{peak}");
        }
    }

    #[test]
    fn the_digits_stand_out_and_the_seed_changes_all_of_it() {
        let spoken = values(samples(whole(&CODE, &[1; 32])));
        let behind = values(samples(whole(&[10; 6], &[1; 32])));
        let power = |values: &[f32]| {
            values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32
        };
        // 10 is no digit: the same without speech.
        let decibels = 10.0 * (power(&spoken) / power(&behind)).log10();
        assert!((8.0..30.0).contains(&decibels), "{decibels} dB");
        assert_eq!(sound(&CODE, &[1; 32]), sound(&CODE, &[1; 32]));
        assert_ne!(sound(&CODE, &[1; 32]).len(), sound(&CODE, &[2; 32]).len());
    }
}
