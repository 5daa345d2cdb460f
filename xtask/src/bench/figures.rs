//! Figures, what each is compared with, and the limits that are promised.
//!
//! Invariant: a figure that a limit is on is there, or its limit is missed.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// What one command of `doorbuster-bench` printed: a line each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    pub name: String,
    pub value: f64,
    pub unit: String,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// The figure it is compared with.
    pub against: Option<String>,
    /// This one divided by that.
    pub ratio: Option<f64>,
}

/// What is promised of a ratio.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub figure: &'static str,
    pub ratio: Bound,
}

#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    Below(f64),
}

/// All figures of a run, in the order they were taken.
#[derive(Debug, Default)]
pub struct Figures {
    all: Vec<Figure>,
}

impl Figures {
    /// Adds one, compared with a former one.
    pub fn add(
        &mut self,
        name: &str,
        value: f64,
        unit: &str,
        against: Option<&str>,
    ) -> anyhow::Result<()> {
        ensure!(self.find(name).is_none(), "two figures are called {name}");
        let ratio = against
            .map(|other| {
                let found = self.find(other);
                let found = found.with_context(|| format!("there is no figure {other}"))?;
                anyhow::Ok(value / found.value)
            })
            .transpose()?;
        self.all.push(Figure {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            against: against.map(str::to_owned),
            ratio,
        });
        Ok(())
    }

    /// Adds measurements, each called `<prefix>-<its name>`, the one called `rate` just `<prefix>`;
    /// that one is compared with `against`.
    pub fn add_all(
        &mut self,
        prefix: &str,
        measured: &[Measurement],
        against: Option<&str>,
    ) -> anyhow::Result<()> {
        for Measurement { name, value, unit } in measured {
            if name == "rate" {
                self.add(prefix, *value, unit, against)?;
            } else {
                self.add(&format!("{prefix}-{name}"), *value, unit, None)?;
            }
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Figure> {
        self.all.iter().find(|figure| figure.name == name)
    }

    /// One line of JSON a figure.
    fn json(&self) -> anyhow::Result<String> {
        let line = |figure| Ok(serde_json::to_string(figure)? + "\n");
        self.all.iter().map(line).collect()
    }

    /// The same as a table in Markdown.
    fn table(&self) -> String {
        let heading = "| Figure | Value | Unit | Against | Ratio |\n|---|--:|---|---|--:|\n";
        let row = |figure: &Figure| {
            let (name, value, unit) = (&figure.name, short(figure.value), &figure.unit);
            let against = figure.against.as_deref().unwrap_or_default();
            let ratio = figure.ratio.map(short).unwrap_or_default();
            format!("| {name} | {value} | {unit} | {against} | {ratio} |\n")
        };
        heading.to_owned() + &self.all.iter().map(row).collect::<String>()
    }

    /// Prints all of it, and names the limits that are missed. The answer is whether none is.
    pub fn report(&self, json: bool, limits: &[Limit]) -> anyhow::Result<bool> {
        if json {
            print!("{}", self.json()?);
        } else {
            print!("{}", self.table());
        }
        let missed = self.missed(limits);
        for limit in &missed {
            eprintln!("missed: {limit}");
        }
        Ok(missed.is_empty())
    }

    /// The limits that are missed, a sentence each.
    fn missed(&self, limits: &[Limit]) -> Vec<String> {
        let mut missed = Vec::new();
        for Limit { figure, ratio } in limits {
            let found = self.find(figure).and_then(|figure| {
                let against = figure.against.as_deref()?;
                Some((against, figure.ratio?))
            });
            let Some((against, value)) = found else {
                missed.push(format!("{figure} was not compared"));
                continue;
            };
            let (met, words) = match ratio {
                Bound::AtLeast(least) => (value >= *least, format!("at least {least}")),
                Bound::Below(most) => (value < *most, format!("less than {most}")),
            };
            if !met {
                missed.push(format!(
                    "{figure} is {value:.3} × {against}, but must be {words} ×"
                ));
            }
        }
        missed
    }
}

/// The median of each measurement over several rounds of the same command.
pub fn medians(rounds: &[Vec<Measurement>]) -> anyhow::Result<Vec<Measurement>> {
    let first = rounds.first().context("no round was measured")?;
    first
        .iter()
        .map(|measurement| {
            let of_round = |round: &Vec<Measurement>| {
                let found = round.iter().find(|other| other.name == measurement.name);
                found.map(|found| found.value)
            };
            let values: Option<Vec<f64>> = rounds.iter().map(of_round).collect();
            let Some(mut values) = values else {
                bail!("{} is missing in a round", measurement.name);
            };
            values.sort_unstable_by(f64::total_cmp);
            Ok(Measurement {
                value: values[values.len() / 2],
                ..measurement.clone()
            })
        })
        .collect()
}

/// Three digits that count, no more than a noisy machine can tell.
fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Figures, Limit, Measurement, medians};

    fn figures() -> Figures {
        let mut figures = Figures::default();
        figures.add("redis", 30_000.0, "orders/s", None).unwrap();
        figures
            .add("placing", 12_000.0, "orders/s", Some("redis"))
            .unwrap();
        figures
    }

    fn measured(name: &str, value: f64) -> Measurement {
        Measurement {
            name: name.to_owned(),
            value,
            unit: "ms".to_owned(),
        }
    }

    #[test]
    fn a_limit_that_is_missed_is_named() {
        let check = |figure, ratio, missed: usize| {
            let found = figures().missed(&[Limit { figure, ratio }]);
            assert_eq!(found.len(), missed, "{found:?}");
            assert!(found.iter().all(|line| line.contains(figure)), "{found:?}");
        };
        check("placing", Bound::AtLeast(0.4), 0);
        check("placing", Bound::AtLeast(0.5), 1);
        check("placing", Bound::Below(0.5), 0);
        check("placing", Bound::Below(0.4), 1);
        check("redis", Bound::AtLeast(0.0), 1);
        check("nothing", Bound::Below(9.0), 1);
    }

    #[test]
    fn json_and_table_say_the_same() {
        let figures = figures();
        let json = figures.json().unwrap();
        assert_eq!(
            json.lines().collect::<Vec<_>>(),
            [
                r#"{"name":"redis","value":30000.0,"unit":"orders/s","against":null,"ratio":null}"#,
                r#"{"name":"placing","value":12000.0,"unit":"orders/s","against":"redis","ratio":0.4}"#,
            ]
        );
        let last = figures.table().lines().last().unwrap().to_owned();
        assert_eq!(last, "| placing | 12000 | orders/s | redis | 0.40 |");
    }

    #[test]
    fn a_figure_stands_once_and_is_compared_with_one_that_is_there() {
        let mut figures = figures();
        assert!(figures.add("redis", 1.0, "", None).is_err());
        assert!(figures.add("other", 1.0, "", Some("nothing")).is_err());
    }

    #[test]
    fn the_median_is_taken_of_each_measurement() {
        let round = |rate, latency| vec![measured("rate", rate), measured("latency", latency)];
        let rounds = [round(3.0, 10.0), round(1.0, 30.0), round(2.0, 20.0)];
        assert_eq!(medians(&rounds).unwrap(), round(2.0, 20.0));
        let odd = [round(3.0, 10.0), vec![measured("rate", 1.0)]];
        assert!(medians(&odd).is_err());
        assert!(medians(&[]).is_err());
    }
}
