//! Values of options that are more than a word or a number.

use std::str::FromStr;

/// `NAME=VALUE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Before the first `=`.
    pub name: String,
    /// After it.
    pub value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(Assignment {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
            }),
            _ => Err("a name, `=` and a value are needed".to_owned()),
        }
    }
}

/// `--seed`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// This one.
    Fixed(u64),
    /// One that is drawn at the start.
    Random,
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Seed::Random),
            _ => text
                .parse()
                .map(Seed::Fixed)
                .map_err(|_| "a whole number from 0 on, or `random`, is needed".to_owned()),
        }
    }
}

/// `--clock`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Runs with the real time.
    Real,
    /// Stands at the real time of the start.
    Manual,
    /// Stands at this moment.
    At(jiff::Timestamp),
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "real" => Ok(Clock::Real),
            "manual" => Ok(Clock::Manual),
            _ => text.parse().map(Clock::At).map_err(|_| {
                "`real`, `manual` or a time such as 2024-01-20T10:30:00Z is needed".to_owned()
            }),
        }
    }
}
