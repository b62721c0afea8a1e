//! What one measurement found, and what several of them say together.

use std::time::Duration;

/// What one server did in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// What is compared, in the case's unit; less is better.
    pub(crate) figure: f64,
    /// How many a second.
    pub(crate) rate: Option<f64>,
    /// Half of them took at most so many milliseconds.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// The bytes of an answer, on average.
    pub(crate) answer: Option<u64>,
    /// What the load itself cost, in microseconds: it should be no bottleneck.
    pub(crate) load: Option<f64>,
}

impl Outcome {
    /// With the quantiles of these times.
    pub(crate) fn timed(figure: f64, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let quantile = |share: f64| {
            let place = (times.len() as f64 * share) as usize;
            Some(
                times
                    .get(place.min(times.len().checked_sub(1)?))?
                    .as_secs_f64()
                    * 1e3,
            )
        };
        Self {
            figure,
            p50: quantile(0.5),
            p99: quantile(0.99),
            ..Self::default()
        }
    }

    /// The median of each figure.
    pub(crate) fn median_of(rounds: &[Self]) -> Self {
        let of = |get: fn(&Self) -> Option<f64>| median(rounds.iter().filter_map(get).collect());
        Self {
            figure: of(|one| Some(one.figure)).unwrap_or(f64::NAN),
            rate: of(|one| one.rate),
            p50: of(|one| one.p50),
            p99: of(|one| one.p99),
            answer: rounds.iter().find_map(|one| one.answer),
            load: of(|one| one.load),
        }
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.get(values.len() / 2)?;
    match values.len() % 2 {
        0 => Some((middle + values[values.len() / 2 - 1]) / 2.0),
        _ => Some(*middle),
    }
}
