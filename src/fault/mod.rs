//! Faults: what goes wrong on purpose. Data, decided at one point of the way out.

use std::time::Duration;

use crate::base::Chance;
use crate::base::json::Json;
use crate::base::payload::Payload;
use crate::lang::faults::{Fault, FaultKind};

/// The faults that are on, each with its stream of chance and how often it may still happen.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    list: Vec<Active>,
}

#[derive(Debug, Clone)]
struct Active {
    fault: Fault,
    chance: Chance,
    left: Option<u64>,
}

/// What becomes of one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// It waits this long.
    pub delay: Duration,
    /// It goes out twice.
    pub twice: bool,
    /// It is broken.
    pub corrupt: bool,
    /// Bytes a second.
    pub rate: Option<u64>,
    /// Bytes a frame.
    pub fragment: Option<usize>,
    /// Something else takes its place.
    pub instead: Option<Instead>,
    /// The kinds of the faults that did this.
    pub names: Vec<&'static str>,
}

/// Takes the place of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Instead {
    Nothing,
    /// An error. The engine, which has the request, writes the body.
    Error {
        code: String,
        body: Payload,
    },
    Close(u16),
    Abort,
    Stall,
}

impl Faults {
    /// These faults, none of which has happened yet.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Faults {
        let list = faults.into_iter().enumerate().map(|(at, fault)| Active {
            chance: Chance::stream(seed, "fault", at as u64),
            left: fault.times,
            fault,
        });
        Faults {
            list: list.collect(),
        }
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// As they are shown, with what is left of `times`.
    pub fn shown(&self) -> impl Iterator<Item = (&Json, Option<u64>)> {
        self.list
            .iter()
            .map(|active| (&active.fault.shown, active.left))
    }

    /// Decides about a message of a handler (or `push`) to a connection.
    pub fn message(&mut self, name: &str, connection: &str) -> Verdict {
        self.decide(name, connection, |_| true)
    }

    /// Decides about a handler that answers nothing: only faults that name it happen.
    pub fn silence(&mut self, name: &str, connection: &str) -> Verdict {
        self.decide(name, connection, |fault| !fault.on.is_empty())
    }

    fn decide(&mut self, name: &str, connection: &str, may: fn(&Fault) -> bool) -> Verdict {
        let mut verdict = Verdict::default();
        for active in self.list.iter_mut().filter(|active| may(&active.fault)) {
            if matches!(active.fault.kind, FaultKind::Refuse(_) | FaultKind::Mute)
                || !active.happens(Some(name), connection)
            {
                continue;
            }
            let instead = match &active.fault.kind {
                // Of a handshake and of pings.
                FaultKind::Refuse(_) | FaultKind::Mute => None,
                FaultKind::Latency(low, high) => {
                    let (low, high) = (low.as_micros() as i64, high.as_micros() as i64);
                    verdict.delay += Duration::from_micros(active.chance.int(low, high) as u64);
                    None
                }
                FaultKind::Duplicate => {
                    verdict.twice = true;
                    None
                }
                FaultKind::Corrupt => {
                    verdict.corrupt = true;
                    None
                }
                FaultKind::Slow(rate) => {
                    verdict.rate = Some(*rate);
                    None
                }
                FaultKind::Fragment(bytes) => {
                    verdict.fragment = Some(*bytes);
                    None
                }
                FaultKind::Drop => Some(Instead::Nothing),
                FaultKind::Error(code) => Some(Instead::Error {
                    code: code.clone(),
                    body: Payload::default(),
                }),
                FaultKind::Close(code) => Some(Instead::Close(*code)),
                FaultKind::Abort => Some(Instead::Abort),
                FaultKind::Stall => Some(Instead::Stall),
            };
            verdict.names.push(active.fault.name);
            verdict.instead = verdict.instead.or(instead);
        }
        verdict
    }

    /// The status that a handshake is refused with, if it is.
    pub fn handshake(&mut self) -> Option<u16> {
        self.list.iter_mut().find_map(|active| {
            let FaultKind::Refuse(status) = active.fault.kind else {
                return None;
            };
            active.happens(None, "").then_some(status)
        })
    }

    /// Whether this connection's ping goes unanswered.
    pub fn ping(&mut self, connection: &str) -> bool {
        self.list
            .iter_mut()
            .any(|active| active.fault.kind == FaultKind::Mute && active.happens(None, connection))
    }
}

impl Active {
    /// Without a name it is no message; a message that no handler takes has an empty one.
    fn happens(&mut self, name: Option<&str>, connection: &str) -> bool {
        let concerned = (self.fault.on.is_empty()
            || name.is_none_or(|name| self.fault.on.iter().any(|on| on == name)))
            && (connection.is_empty()
                || self.fault.connections.is_empty()
                || self.fault.connections.iter().any(|id| id == connection));
        if !concerned
            || self.left == Some(0)
            || (self.fault.share < 1.0 && self.chance.unit() >= self.fault.share)
        {
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }
}

/// Breaks a JSON text so that no reader takes it for one.
pub fn corrupted(payload: &[u8]) -> Vec<u8> {
    let mut broken = payload.to_vec();
    // Cut on a character's border, so that it still is text and only its JSON is broken.
    let mut cut = broken.len() / 2;
    while cut < broken.len() && cut > 0 && (broken[cut] & 0xc0) == 0x80 {
        cut -= 1;
    }
    broken.truncate(cut);
    // No JSON has a control character, in a string or out of it.
    broken.extend_from_slice(b"{\"\x01");
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        let read = |text: &&str| Fault::read(&Json::parse(*text).unwrap(), None).unwrap();
        Faults::new(texts.iter().map(read).collect(), 1)
    }

    #[test]
    fn a_fault_concerns_what_it_names_and_as_often_as_it_says() {
        let mut faults = faults(&[r#"{"kind":"drop","on":["a"],"connections":["c1"],"times":1}"#]);
        assert_eq!(faults.message("b", "c1"), Verdict::default());
        assert_eq!(faults.message("a", "c2"), Verdict::default());
        assert_eq!(faults.message("a", "c1").instead, Some(Instead::Nothing));
        assert_eq!(faults.message("a", "c1"), Verdict::default());
    }

    #[test]
    fn what_no_handler_takes_is_no_concern_of_a_fault_that_names_one() {
        let mut named = faults(&[r#"{"kind":"drop","on":["a"]}"#]);
        assert_eq!(named.message("", "c1"), Verdict::default());
        let mut any = faults(&[r#"{"kind":"drop"}"#]);
        assert_eq!(any.message("", "c1").instead, Some(Instead::Nothing));
    }

    #[test]
    fn a_share_is_drawn_from_the_seed() {
        let draws = |mut faults: Faults| {
            (0..100)
                .map(|_| faults.message("a", "c1").twice)
                .collect::<Vec<_>>()
        };
        let one = draws(faults(&[r#"{"kind":"duplicate","share":0.5}"#]));
        assert_eq!(one, draws(faults(&[r#"{"kind":"duplicate","share":0.5}"#])));
        let happened = one.iter().filter(|twice| **twice).count();
        assert!((20..80).contains(&happened), "{happened}");
    }

    #[test]
    fn corrupted_text_is_text_but_no_json() {
        for text in [
            "{\"city\":\"Москва\"}",
            "\"я\"",
            "",
            "1",
            "[\"яяяяяяяяяяя\"]",
        ] {
            let broken = String::from_utf8(corrupted(text.as_bytes())).unwrap();
            assert!(Json::parse(broken.clone()).is_err(), "{broken}");
        }
    }
}
