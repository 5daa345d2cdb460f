//! A small shop to look at: one sale that is open and one that opens in two minutes.

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::programs::Cli;
use crate::workspace;

/// A sale as `doorbuster sale list --json` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    pub id: String,
    pub state: String,
    #[serde(skip_serializing)]
    pub slug: String,
}

/// An item and the sale of it.
struct Offer {
    title: &'static str,
    description: &'static str,
    list_price: &'static str,
    slug: &'static str,
    price: &'static str,
    units: &'static str,
    limit: &'static str,
    opens: &'static str,
    attributes: &'static [&'static str],
    /// Files in `xtask/assets`, and what they show.
    pictures: &'static [(&'static str, &'static str)],
}

const OFFERS: [Offer; 2] = [
    Offer {
        title: "Aurora console",
        description: "A games console with a controller and one terabyte of storage.",
        list_price: "59900",
        slug: "aurora-console",
        price: "39900",
        units: "100",
        limit: "2",
        opens: "now",
        attributes: &[
            "Colour: White",
            "Storage: 1 TB",
            "In the box: console, controller, cable",
        ],
        pictures: &[
            (
                "aurora-console.jpg",
                "A tall white games console with a green light, its controller beside it",
            ),
            (
                "aurora-controller.jpg",
                "The white controller from the front, with four coloured buttons",
            ),
        ],
    },
    Offer {
        title: "Meridian headphones",
        description: "Wireless over-ear headphones that keep the world outside for forty hours.",
        list_price: "34900",
        slug: "meridian-headphones",
        price: "9900",
        units: "1000",
        limit: "1",
        opens: "+120s",
        attributes: &["Colour: Midnight blue", "Battery: 40 hours"],
        pictures: &[(
            "meridian-headphones.jpg",
            "Dark blue over-ear headphones with sand-coloured cushions",
        )],
    },
];

/// The sales a visitor can take part in; new ones if there are none.
pub fn demo(cli: &Cli) -> anyhow::Result<Vec<Sale>> {
    let sales = list(cli)?;
    if sales.iter().any(is_on) {
        return Ok(sales.into_iter().filter(is_on).collect());
    }
    for offer in OFFERS {
        offer.publish(cli, &sales)?;
    }
    Ok(list(cli)?.into_iter().filter(is_on).collect())
}

fn list(cli: &Cli) -> anyhow::Result<Vec<Sale>> {
    let text = cli.run(&["sale", "list", "--json"])?;
    serde_json::from_str(&text).with_context(|| format!("`sale list` said {text}"))
}

fn is_on(sale: &Sale) -> bool {
    matches!(
        sale.state.as_str(),
        "scheduled" | "open" | "paused" | "sold_out"
    )
}

impl Offer {
    fn publish(&self, cli: &Cli, existing: &[Sale]) -> anyhow::Result<()> {
        let item = self.add(cli)?;
        let slug = free_slug(self.slug, existing);
        let sale = cli.run(&[
            "sale",
            "create",
            "--item",
            &item,
            "--slug",
            &slug,
            "--price",
            self.price,
            "--currency",
            "USD",
            "--units",
            self.units,
            "--limit",
            self.limit,
            "--opens",
            self.opens,
            "--closes",
            "+86400s",
        ])?;
        cli.run(&["sale", "publish", &sale])?;
        Ok(())
    }
}

impl Offer {
    /// Adds the item with its pictures.
    fn add(&self, cli: &Cli) -> anyhow::Result<String> {
        let mut words = vec![
            "item",
            "add",
            "--title",
            self.title,
            "--description",
            self.description,
            "--list-price",
            self.list_price,
            "--currency",
            "USD",
        ];
        words.extend(
            self.attributes
                .iter()
                .flat_map(|attribute| ["--attribute", *attribute]),
        );
        let item = cli.run(&words)?;
        for (file, alt) in self.pictures {
            let file = workspace::top().join("xtask/assets").join(file);
            let file = file.display().to_string();
            cli.run(&["item", "image", "add", &item, &file, "--alt", alt])?;
        }
        Ok(item)
    }
}

/// `slug`, or `slug-2`, `slug-3` … if sales of former starts have it.
fn free_slug(slug: &str, existing: &[Sale]) -> String {
    let taken = |slug: &str| existing.iter().any(|sale| sale.slug == slug);
    let numbered = (2_u32..).map(|number| format!("{slug}-{number}"));
    std::iter::once(slug.to_owned())
        .chain(numbered)
        .find(|candidate| !taken(candidate))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Sale, free_slug};

    #[test]
    fn a_slug_is_used_once() {
        let sale = |slug: &str| Sale {
            id: "1".to_owned(),
            state: "closed".to_owned(),
            slug: slug.to_owned(),
        };
        assert_eq!(free_slug("console", &[]), "console");
        assert_eq!(
            free_slug("console", &[sale("console"), sale("console-2")]),
            "console-3"
        );
        assert_eq!(free_slug("console", &[sale("console-2")]), "console");
    }
}
