//! Forms: what a page without scripts sends, read as the JSON that a script would have sent.
//!
//! Invariant: what a form says goes through the same checks as JSON and is refused with the same
//! words; a form can say nothing that JSON cannot.

use kernel::problem::{Problem, ProblemKind};
use serde_json::{Map, Value};
use spin_sdk::http::{HeaderMap, HeaderValue};

/// The media type of a form.
pub const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// The most fields a form can have; the largest of ours has seven.
pub const FIELDS_MAX: usize = 32;

/// Where the id of a challenge travels, which is hidden in the page.
const CHALLENGE_ID: &str = "challenge_id";
/// Where the code travels that the shopper read or heard.
const CHALLENGE_CODE: &str = "challenge_code";

/// The fields of a form, in their order; each name stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
}

/// Whether a request says that its body is a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE))
}

/// The headers of the request that a script would have sent instead.
pub fn as_json(headers: &mut HeaderMap) {
    let json = HeaderValue::from_static("application/json");
    headers.insert("accept", json.clone());
    headers.insert("content-type", json);
}

impl Form {
    /// Reads a body, or a query, which is written alike.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut form = Self::default();
        for pair in text.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let middle = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(middle.unwrap_or(pair.len()));
            let (name, value) = (decoded(name)?, decoded(value.get(1..).unwrap_or_default())?);
            if form.get(&name).is_some() {
                return Err(Problem::field(&name, "stands there twice"));
            }
            if form.fields.len() == FIELDS_MAX {
                let detail = format!("A form has at most {FIELDS_MAX} fields.");
                return Err(Problem::new(ProblemKind::Malformed, detail));
            }
            form.fields.push((name, value));
        }
        Ok(form)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.0 == name);
        field.map(|(_, value)| value.as_str())
    }

    /// The value of a field, which is no longer in the form.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.fields.iter().position(|field| field.0 == name)?;
        Some(self.fields.remove(index).1)
    }

    /// All fields, in their order.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Makes `challenge` of the hidden id and the code that somebody typed; spaces in it do not
    /// count, as it may have been heard letter by letter.
    pub fn join_challenge(&mut self) -> Result<(), Problem> {
        match (self.take(CHALLENGE_ID), self.take(CHALLENGE_CODE)) {
            (None, None) => Ok(()),
            (Some(id), Some(code)) => {
                let code: String = code.split_whitespace().collect();
                if code.is_empty() {
                    return Err(Problem::field(CHALLENGE_CODE, "Please enter the code."));
                }
                self.fields
                    .push(("challenge".to_owned(), format!("{id}.{code}")));
                Ok(())
            }
            (None, Some(_)) => Err(Problem::field(CHALLENGE_ID, "is missing")),
            (Some(_), None) => Err(Problem::field(CHALLENGE_CODE, "is missing")),
        }
    }

    /// The fields as a JSON object: text, but for `numbers`, which are numbers where they look so.
    pub fn to_object(&self, numbers: &[&str]) -> Map<String, Value> {
        let value = |name: &str, text: &str| match text.parse::<u64>() {
            Ok(number) if numbers.contains(&name) => Value::from(number),
            _ => Value::from(text),
        };
        let fields = self.fields.iter();
        fields
            .map(|(name, text)| (name.clone(), value(name, text)))
            .collect()
    }
}

/// `+` is a space, `%41` an `A`; what comes out is UTF-8.
fn decoded(text: &[u8]) -> Result<String, Problem> {
    let fault = || Problem::new(ProblemKind::Malformed, "The form is not encoded as one.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(fault)?;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).map_err(|_| fault())?;
                rest = after;
                byte[0]
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::wire::{OrderRequest, SignIn};
    use serde::de::DeserializeOwned;

    fn read<T: DeserializeOwned>(body: &str) -> Result<T, Problem> {
        let mut form = Form::parse(body.as_bytes())?;
        form.join_challenge()?;
        let json = Value::from(form.to_object(&["quantity"])).to_string();
        kernel::json::parse(json.as_bytes())
    }

    #[test]
    fn a_form_reads_as_json_would() {
        let order: OrderRequest = read("sale_id=5&quantity=2").unwrap();
        assert_eq!((order.sale_id.0, order.quantity), (5, 2));
        let sign_in: SignIn =
            read("contact=a%2Bb%40c.example&password=%C3%A4+%26%3D&challenge_id=x.y&challenge_code=+7+k+").unwrap();
        assert_eq!(sign_in.contact, "a+b@c.example");
        assert_eq!(sign_in.password, "ä &=");
        assert_eq!(sign_in.challenge, "x.y.7k");
    }

    #[test]
    fn a_form_is_refused_as_json_would_be() {
        let check = |body: &str, kind, field: Option<&str>| {
            let problem = read::<OrderRequest>(body).unwrap_err();
            assert_eq!(problem.kind, kind, "{body}: {problem:?}");
            let named = problem.errors.first().map(|error| error.field.as_str());
            assert_eq!(named, field, "{body}: {problem:?}");
        };
        let field = |body, name| check(body, ProblemKind::InvalidField, Some(name));
        field("", "sale_id");
        field("sale_id=5", "quantity");
        field("sale_id=5&quantity=", "quantity");
        field("sale_id=5&quantity=two", "quantity");
        field("sale_id=5&quantity=-1", "quantity");
        field("sale_id=5&quantity=1.5", "quantity");
        field("sale_id=five&quantity=1", "sale_id");
        field("sale_id=5&quantity=1&price=0", "price");
        field("sale_id=5&quantity=1&quantity=1", "quantity");
        field("sale_id=5&quantity=1&sale%5Fid=6", "sale_id");
        field("sale_id=5&quantity=1&challenge_id=x", "challenge_code");
        field("sale_id=5&quantity=1&challenge_code=x", "challenge_id");
        field("challenge_id=x&challenge_code=++", "challenge_code");
        let malformed = |body: &str| check(body, ProblemKind::Malformed, None);
        malformed("sale_id=%5&quantity=1");
        malformed("sale_id=%zz");
        malformed("sale_id=5%");
        malformed("sale_id=%ff");
        let many: Vec<_> = (0..=FIELDS_MAX).map(|n| format!("f{n}=1")).collect();
        malformed(&many.join("&"));
    }

    #[test]
    fn a_field_is_taken_once() {
        let mut form = Form::parse(b"next=%2Forders&a=&&b").unwrap();
        assert_eq!(form.take("next").as_deref(), Some("/orders"));
        assert_eq!(form.take("next"), None);
        assert_eq!((form.get("a"), form.get("b")), (Some(""), Some("")));
    }

    #[test]
    fn a_form_says_that_it_is_one() {
        let check = |content_type: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(content_type));
            assert_eq!(is_form(&headers), expected, "{content_type}");
        };
        check("application/x-www-form-urlencoded", true);
        check("Application/X-WWW-Form-Urlencoded; charset=utf-8", true);
        check("multipart/form-data; boundary=x", false);
        check("application/json", false);
        assert!(!is_form(&HeaderMap::new()));
    }
}
