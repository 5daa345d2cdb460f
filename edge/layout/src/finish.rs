//! The second step of making an account or choosing a new password, without scripts: the code from
//! the mail. The first step leads to it on the site; a mistake leads back to it from the relay.

use crate::render::{Value, context};
use crate::told::Words;
use crate::way;
use kernel::wire::CodePurpose;
use std::collections::BTreeMap;

/// The template.
pub const TEMPLATE: &str = "finish.html";
/// The longest ticket; the origin's have some 250 letters.
pub const TICKET_BYTES_MAX: usize = 1_024;

/// What the page starts with.
#[derive(Debug)]
pub struct Finish<'a> {
    /// What the code is for.
    pub purpose: CodePurpose,
    /// Goes with the code.
    pub ticket: &'a str,
    /// Where to go on afterwards.
    pub next: Option<&'a str>,
    /// What was typed before: code and name.
    pub typed: [&'a str; 2],
    /// What was wrong with it.
    pub problem: Option<Words>,
}

impl<'a> Finish<'a> {
    /// The first sight of the page; `None` if the ticket cannot be one.
    pub fn new(purpose: CodePurpose, ticket: &'a str, next: Option<&'a str>) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_one = (1..=TICKET_BYTES_MAX).contains(&ticket.len()) && ticket.bytes().all(fits);
        is_one.then_some(Self {
            purpose,
            ticket,
            next,
            typed: [""; 2],
            problem: None,
        })
    }

    /// What the template reads.
    pub fn view(&self) -> Value {
        let (heading, action) = match self.purpose {
            CodePurpose::Register => ("Make an account", "/api/accounts"),
            CodePurpose::Reset => ("Choose a new password", "/api/accounts/password"),
        };
        let mut fields = vec![("ticket", self.ticket)];
        fields.extend(self.next.map(|next| ("next", next)));
        let problem = &self.problem;
        let errors = problem.iter().flat_map(|problem| &problem.errors);
        let errors: BTreeMap<_, _> = errors
            .map(|error| (error.field.clone(), error.message.clone()))
            .collect();
        let [code, name] = self.typed;
        context! {
            heading, action, fields, errors, problem, code, name,
            resetting => self.purpose == CodePurpose::Reset,
            again_address => code_address(self.purpose, self.next),
        }
    }
}

/// Where the first step begins.
pub fn code_address(purpose: CodePurpose, next: Option<&str>) -> String {
    let purpose = match purpose {
        CodePurpose::Register => "register",
        CodePurpose::Reset => "reset",
    };
    let query = [
        ("purpose", Some("code")),
        ("kind", Some("image")),
        ("for", Some(purpose)),
        ("next", next),
    ];
    way::address("/gate/challenges", &query)
}

/// Where somebody signs in.
pub fn sign_in_address(next: Option<&str>) -> String {
    let query = [
        ("purpose", Some("sign-in")),
        ("kind", Some("image")),
        ("next", next),
    ];
    way::address("/gate/challenges", &query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::render;
    use kernel::problem::FieldError;

    #[test]
    fn the_page_carries_the_ticket_and_the_way_on() {
        let finish = Finish::new(CodePurpose::Register, "a.b-c_d", Some("/orders?a=b&c"));
        let html = render(TEMPLATE, &[], finish.unwrap().view()).unwrap();
        for text in [
            r#"action="&#x2f;api&#x2f;accounts""#,
            r#"<input type="hidden" name="ticket" value="a.b-c_d">"#,
            r#"name="next" value="&#x2f;orders?a=b&amp;c">"#,
            r#"<label for="name">"#,
            r#"aria-describedby="code-hint""#,
            "next=%2Forders%3Fa%3Db%26c",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("aria-invalid"), "{html}");
    }

    #[test]
    fn a_mistake_is_named_on_top_and_at_its_field() {
        let error = |field: &str, message: &str| FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let problem = Words {
            kind: "invalid-field".to_owned(),
            status: 422,
            heading: "Not right".to_owned(),
            text: String::new(),
            errors: vec![error("code", "<Wrong>."), error("ticket", "Is <old>.")],
            retry_seconds: None,
        };
        let finish = Finish {
            purpose: CodePurpose::Reset,
            ticket: "t",
            next: None,
            typed: ["123\"", ""],
            problem: Some(problem),
        };
        let html = render(TEMPLATE, &[], finish.view()).unwrap();
        for text in [
            r##"<a href="#code">Code from the message: &lt;Wrong&gt;.</a>"##,
            r#"<p class="field-error" id="code-error">&lt;Wrong&gt;.</p>"#,
            r#"aria-describedby="code-hint code-error" aria-invalid="true""#,
            "Is &lt;old&gt;.",
            r#"value="123&quot;""#,
            r#"action="&#x2f;api&#x2f;accounts&#x2f;password""#,
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains(r#"name="name""#), "{html}");
    }

    #[test]
    fn what_is_no_ticket_makes_no_page() {
        let long = "a".repeat(TICKET_BYTES_MAX + 1);
        for ticket in ["", "a b", "<a>", "ä", long.as_str()] {
            assert!(
                Finish::new(CodePurpose::Reset, ticket, None).is_none(),
                "{ticket}"
            );
        }
    }
}
