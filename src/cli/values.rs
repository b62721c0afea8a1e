//! Values of options that have a syntax of their own.

use std::str::FromStr;

/// `NAME=VALUE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
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
            _ => Err("must be a name, `=` and a value".to_owned()),
        }
    }
}

/// `--seed`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    Fixed(u64),
    /// Drawn at the start.
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
                .map_err(|_| "must be a whole number from 0, or `random`".to_owned()),
        }
    }
}

/// `--clock`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    Real,
    /// Held at the real time of the start.
    Manual,
    /// Held at this moment.
    At(jiff::Timestamp),
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "real" => Ok(Clock::Real),
            "manual" => Ok(Clock::Manual),
            _ => text.parse().map(Clock::At).map_err(|_| {
                "must be `real`, `manual` or a time such as 2024-01-20T10:30:00Z".to_owned()
            }),
        }
    }
}

/// `--exit-with-parent`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentProcess {
    /// The process that started this one.
    Own,
    Id(u32),
}

impl FromStr for ParentProcess {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "parent" => Ok(ParentProcess::Own),
            _ => match text.parse() {
                Ok(id) if id > 0 => Ok(ParentProcess::Id(id)),
                _ => Err("must be a process id, or `parent`".to_owned()),
            },
        }
    }
}
