//! Files: short enough to read, with a sentence on top.

use super::sources::Source;

const LINES_MAX: usize = 400;
const LUA_LINES_MAX: usize = 60;

/// One line a fault.
pub fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_one).collect()
}

fn check_one(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    let lines = source.code().lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{path} has {lines} lines, more than {LINES_MAX}"));
    }
    match source.kind() {
        "rs" => {
            let in_src = path.starts_with("src/") || path.contains("/src/");
            if in_src && !source.text.starts_with("//!") {
                faults.push(format!("{path} does not open with //!"));
            }
            if path.ends_with("/mod.rs") {
                faults.push(format!("{path} must be named after its module"));
            }
        }
        "lua" => {
            let lines = lua_lines(&source.text);
            if lines > LUA_LINES_MAX {
                faults.push(format!(
                    "{path} has {lines} lines of Lua, more than {LUA_LINES_MAX}"
                ));
            }
        }
        _ => {}
    }
    faults
}

/// Lines that are neither empty nor a comment.
fn lua_lines(text: &str) -> usize {
    let mut in_comment = false;
    let mut count = 0;
    for line in text.lines().map(str::trim) {
        if in_comment || line.starts_with("--[[") {
            in_comment = !line.contains("]]");
        } else if !line.is_empty() && !line.starts_with("--") {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, check_one, lua_lines};
    use crate::tidy::sources::Source;

    #[test]
    fn faults_are_found() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        let tests = format!(
            "//! Short.\n\n#[cfg(test)]\nmod tests {{{}}}",
            "\n".repeat(LINES_MAX)
        );
        let script = "return 1\n".repeat(61);
        let cases = [
            ("kernel/src/lib.rs", "//! Fine.\n", 0),
            ("kernel/src/lib.rs", "fn main() {}\n", 1),
            ("kernel/tests/it/main.rs", "fn main() {}\n", 0),
            ("kernel/src/ids/mod.rs", "//! Ids.\n", 1),
            ("kernel/src/lib.rs", &long, 1),
            ("kernel/src/lib.rs", &tests, 0),
            ("lua/stock/hold.lua", &script, 1),
        ];
        for (path, text, faults) in cases {
            let source = Source {
                path: path.to_owned(),
                text: text.to_owned(),
            };
            assert_eq!(check_one(&source).len(), faults, "{path}");
        }
    }

    #[test]
    fn comments_are_not_lines_of_lua() {
        assert_eq!(
            lua_lines("--[[\nText\n]]\nlocal a = 1 -- one\n\n-- two\nreturn a\n"),
            2
        );
    }
}
