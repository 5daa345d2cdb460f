//! The gate's settings.

use kernel::challenge::Difficulty;
use kernel::lease::LEASE_SLOTS_MAX;
use kernel::problem::Problem;
use kit::pop_store::PopStore;
use kit::settings::{Edge, Kept, Variables, count};

/// The highest limit, a million a second: the store counts in microseconds.
const PER_MINUTE_MAX: u32 = 60_000_000;
/// The hardest that a proof of work can be set: minutes on a phone.
const DIFFICULTY_MAX: u32 = 100_000_000;

/// All that the gate is told.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What every component is told.
    pub(crate) edge: Edge,
    /// The PoP's Redis.
    pub(crate) store: PopStore,
    /// How hard a proof of work is: variables `pow_difficulty`, `pow_difficulty_max` and
    /// `challenges_per_second`.
    pub(crate) difficulty: Difficulty,
    /// Attempts an account has in a minute: variable `tokens_per_account_per_minute`.
    pub(crate) per_account: u32,
    /// Attempts a network has in a minute: variable `tokens_per_prefix_per_minute`.
    pub(crate) per_network: u32,
    /// Attempts an IPv6 /48 has in a minute: variable `tokens_per_site_per_minute`.
    pub(crate) per_site: u32,
    /// Attempts that a sale takes in a minute at this PoP: variable `tokens_per_sale_per_minute`.
    pub(crate) per_sale: u32,
    /// Slots to ask the origin for at once: variable `lease_slots`.
    pub(crate) lease_slots: u32,
}

impl Gate {
    /// The settings, read by an instance's first request.
    pub(crate) async fn get() -> Result<&'static Self, Problem> {
        static GATE: Kept<Gate> = Kept::new();
        GATE.get(Self::read).await
    }

    async fn read(variables: &mut Variables) -> Option<Self> {
        let edge = Edge::read(variables).await;
        let store = PopStore::read(variables).await;
        let at_rest = variables
            .read("pow_difficulty", count(DIFFICULTY_MAX))
            .await;
        let most = variables
            .read("pow_difficulty_max", count(DIFFICULTY_MAX))
            .await;
        let easy_per_second = variables
            .read("challenges_per_second", count(1_000_000))
            .await;
        let per_account = variables
            .read("tokens_per_account_per_minute", count(PER_MINUTE_MAX))
            .await;
        let per_network = variables
            .read("tokens_per_prefix_per_minute", count(PER_MINUTE_MAX))
            .await;
        let per_site = variables
            .read("tokens_per_site_per_minute", count(PER_MINUTE_MAX))
            .await;
        let per_sale = variables
            .read("tokens_per_sale_per_minute", count(PER_MINUTE_MAX))
            .await;
        let lease_slots = variables.read("lease_slots", count(LEASE_SLOTS_MAX)).await;
        Some(Self {
            edge: edge?,
            store: store?,
            difficulty: Difficulty {
                at_rest: at_rest?,
                most: most?,
                easy_per_second: easy_per_second?,
            },
            per_account: per_account?,
            per_network: per_network?,
            per_site: per_site?,
            per_sale: per_sale?,
            lease_slots: lease_slots?,
        })
    }
}
