//! Reads the JSON of a request and says in plain words what is wrong with it.
//!
//! Invariant: the edge and the origin refuse the same bodies with the same words.

use crate::problem::{Problem, ProblemKind};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads one JSON object.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Otherwise serde would also take an array of the fields' values.
    if body
        .trim_ascii_start()
        .first()
        .is_some_and(|byte| *byte != b'{')
    {
        return Err(Problem::new(
            ProblemKind::Malformed,
            "The body is not a JSON object.",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| explain(".", &error))?;
    Ok(value)
}

/// What serde found, said to whoever wrote the request.
fn explain(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(
            ProblemKind::Malformed,
            format!("The body is no JSON: {text}."),
        );
    }
    let named = |before: &str| text.strip_prefix(before)?.split('`').next();
    if let Some(field) = named("unknown field `") {
        return Problem::field(field, "is not a field of this request");
    }
    if let Some(field) = named("missing field `") {
        return Problem::field(field, "is missing");
    }
    let place = text.rfind(" at line ").unwrap_or(text.len());
    Problem::field(path, &text[..place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{OrderRequest, PaymentRequest};

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: &str, kind, field: Option<&str>| {
            let problem = parse::<OrderRequest>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, kind, "{body}: {problem:?}");
            let named = problem.errors.first().map(|error| error.field.as_str());
            assert_eq!(named, field, "{body}: {problem:?}");
        };
        check("", ProblemKind::Malformed, None);
        check("{", ProblemKind::Malformed, None);
        check("[1]", ProblemKind::Malformed, None);
        let order = r#"{"sale_id":"5","quantity":1}"#;
        check(&format!("{order} {order}"), ProblemKind::Malformed, None);
        let field = |body, name| check(body, ProblemKind::InvalidField, Some(name));
        field(r#"{"sale_id":"5"}"#, "quantity");
        field(r#"{"sale_id":"5","quantity":1,"price":0}"#, "price");
        field(r#"{"sale_id":"5","quantity":"1"}"#, "quantity");
        field(r#"{"sale_id":5,"quantity":1}"#, "sale_id");
        assert!(parse::<OrderRequest>(order.as_bytes()).is_ok());
    }

    #[test]
    fn a_field_inside_another_is_named_with_its_path() {
        let body =
            r#"{"ship_to":{"name":"A","lines":[7],"postcode":"","city":"B","country":"DE"}}"#;
        let problem = parse::<PaymentRequest>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.errors[0].field, "ship_to.lines[0]");
    }
}
