//! Components that are written inside a trigger, under the ids that Spin gives them.
//!
//! Afterwards every trigger names its component by id.

use std::{collections::BTreeSet, mem};

use super::{Handler, HttpTrigger, Manifest};

/// Moves inline components among the others.
pub fn lift(manifest: &mut Manifest) {
    name_triggers(&mut manifest.trigger.http);
    for trigger in &mut manifest.trigger.http {
        let Some(handler @ Handler::Inline(_)) = &mut trigger.component else {
            continue;
        };
        let natural = format!("{}-component", trigger.id);
        let id = if super::check::kebab_case(&natural).is_ok() {
            natural
        } else {
            String::new()
        };
        let numbered = (1..).map(|number| format!("inline-component{number}"));
        let id = [id]
            .into_iter()
            .filter(|id| !id.is_empty())
            .chain(numbered)
            .find(|id| !manifest.component.contains_key(id))
            .unwrap_or_default();
        if let Handler::Inline(component) = mem::replace(handler, Handler::Id(id.clone())) {
            manifest.component.insert(id, *component);
        }
    }
}

/// Gives a name to each trigger that has none.
fn name_triggers(triggers: &mut [HttpTrigger]) {
    let mut taken: BTreeSet<String> = triggers.iter().map(|one| one.id.clone()).collect();
    for trigger in triggers.iter_mut().filter(|one| one.id.is_empty()) {
        let natural = match &trigger.component {
            Some(Handler::Id(id)) => Some(format!("{id}-http-trigger")),
            _ => None,
        };
        let numbered = (1..).map(|number| format!("http-trigger{number}"));
        let free = natural
            .into_iter()
            .chain(numbered)
            .find(|id| !taken.contains(id));
        trigger.id = free.unwrap_or_default();
        taken.insert(trigger.id.clone());
    }
}
