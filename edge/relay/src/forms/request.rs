//! From a form to the request that a script would have sent.

use crate::received::Received;
use bytes::Bytes;
use kernel::problem::{Problem, ProblemKind};
use kit::form::{self, Form};
use layout::way;
use serde_json::{Map, Value, json};
use spin_sdk::http::{HeaderValue, Method, Uri};

/// The fields of the address, as they are called in a page, in the order of the page.
pub(super) const ADDRESS: [&str; 6] = ["name", "line-1", "line-2", "postcode", "city", "country"];

/// The form of a request, without where it goes on to.
pub(super) fn fields(received: &Received) -> Result<(Form, Option<String>), Problem> {
    let mut form = Form::parse(&received.body)?;
    let next = form.take("next");
    let next = next.map(|next| way::next(Some(&next)).to_owned());
    Ok((form, next))
}

/// Makes the body of the request this object.
pub(super) fn send(received: &mut Received, object: Map<String, Value>) {
    received.body = Bytes::from(Value::from(object).to_string());
    form::as_json(&mut received.headers);
}

/// Makes the request one of this method to this path, with this object as its body.
pub(super) fn send_to(
    received: &mut Received,
    method: Method,
    path: &str,
    object: Map<String, Value>,
) -> Result<(), Problem> {
    ask(received, method, path)?;
    send(received, object);
    Ok(())
}

/// Makes the request one without a body.
pub(super) fn ask(received: &mut Received, method: Method, path: &str) -> Result<(), Problem> {
    received.method = method;
    received.uri = path
        .parse::<Uri>()
        .map_err(|_| Problem::from(ProblemKind::Internal))?;
    received.body = Bytes::new();
    form::as_json(&mut received.headers);
    for name in ["content-type", "if-none-match"] {
        received.headers.remove(name);
    }
    Ok(())
}

/// An order: the token goes where a script puts it.
pub(super) fn order(received: &mut Received, mut form: Form) -> Result<(), Problem> {
    if let Some(token) = form.take("token") {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let bearer = bearer.map_err(|_| Problem::from(ProblemKind::TokenInvalid))?;
        received.headers.insert("authorization", bearer);
    }
    send(received, form.to_object(&["quantity"]));
    Ok(())
}

/// A payment: the fields of the page become the address.
pub(super) fn payment(received: &mut Received, form: Form) {
    send(received, with_address(form, "ship_to"));
}

/// The form with the fields of the page as an address of this name.
pub(super) fn with_address(mut form: Form, parent: &str) -> Map<String, Value> {
    let mut typed = ADDRESS.map(|name| form.take(name).unwrap_or_default());
    for text in &mut typed {
        *text = text.trim().to_owned();
    }
    let [name, line_1, line_2, postcode, city, country] = typed;
    let lines = [line_1, line_2].into_iter().filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.collect();
    // What else is in the form stands beside the address, where it is refused by its name.
    let mut object = form.to_object(&[]);
    let address = json!({
        "name": name, "lines": lines, "postcode": postcode, "city": city, "country": country,
    });
    object.insert(parent.to_owned(), address);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::wire::{OrderRequest, PaymentRequest};
    use spin_sdk::http::HeaderMap;

    fn received(body: &'static str) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(form::MEDIA_TYPE));
        headers.insert("if-none-match", HeaderValue::from_static("\"a\""));
        Received {
            method: Method::POST,
            uri: Uri::from_static("/api/orders"),
            headers,
            body: Bytes::from_static(body.as_bytes()),
            client: [127, 0, 0, 1].into(),
        }
    }

    #[test]
    fn an_order_carries_its_token_as_a_script_would() {
        let mut received = received("sale_id=5&quantity=2&token=a.b.c&next=%2F%2Fevil.example");
        let (form, next) = fields(&received).unwrap();
        assert_eq!(next.as_deref(), Some("/"));
        order(&mut received, form).unwrap();
        assert_eq!(received.headers["authorization"], "Bearer a.b.c");
        let read: OrderRequest = kit::body::json(&received.headers, &received.body).unwrap();
        assert_eq!((read.sale_id.0, read.quantity), (5, 2));
    }

    #[test]
    fn a_token_cannot_smuggle_a_header() {
        let mut received = received("sale_id=5&quantity=2&token=a%0D%0Ax-b:+c");
        let (form, _) = fields(&received).unwrap();
        let problem = order(&mut received, form).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::TokenInvalid);
    }

    #[test]
    fn an_address_is_made_of_the_fields_of_the_page() {
        let mut received =
            received("name=+Ada+&line-1=12+Street&line-2=++&postcode=10115&city=Berlin&country=DE");
        let (form, _) = fields(&received).unwrap();
        payment(&mut received, form);
        let PaymentRequest { ship_to, .. } =
            kit::body::json(&received.headers, &received.body).unwrap();
        let ship_to = ship_to.unwrap();
        assert_eq!(ship_to.name, "Ada");
        assert_eq!(ship_to.lines, ["12 Street"]);
        assert_eq!(
            (ship_to.city.as_str(), ship_to.country.as_str()),
            ("Berlin", "DE")
        );
    }

    #[test]
    fn what_is_no_field_of_an_address_is_refused_by_its_name() {
        let mut received = received("name=Ada&state=BE");
        let (form, _) = fields(&received).unwrap();
        payment(&mut received, form);
        let read = kit::body::json::<PaymentRequest>(&received.headers, &received.body);
        assert_eq!(read.unwrap_err().errors[0].field, "state");
    }

    #[test]
    fn a_look_has_no_body() {
        let mut received = received("a=b");
        ask(&mut received, Method::GET, "/api/orders/5").unwrap();
        assert_eq!(received.uri, "/api/orders/5");
        assert!(received.body.is_empty());
        assert!(!received.headers.contains_key("content-type"));
        assert!(!received.headers.contains_key("if-none-match"));
        assert_eq!(received.headers["accept"], "application/json");
    }
}
