//! Writes pictures and sounds of random-looking codes into a folder, for people to look at:
//! `cargo run -p captcha --example show -- FOLDER COUNT`.
#![expect(clippy::unwrap_used, reason = "a tool for the one who calls it")]

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = std::path::PathBuf::from(arguments.next().unwrap());
    let count: u32 = arguments.next().unwrap().parse().unwrap();
    for number in 0..count {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let digits = u64::from(number) * 387_420_489 % 1_000_000;
        let text = format!("{digits:06}");
        let code = text.bytes().map(|byte| byte - b'0').collect::<Vec<_>>();
        std::fs::write(
            folder.join(format!("{text}.png")),
            captcha::picture(&code, &seed),
        )
        .unwrap();
        std::fs::write(
            folder.join(format!("{text}.wav")),
            captcha::sound(&code, &seed),
        )
        .unwrap();
    }
}
