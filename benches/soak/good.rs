//! A client that behaves: each of its requests is answered exactly once, and no push is missing.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use ws_mock::base::Chance;

use crate::ledger::{Ledger, add};
use crate::link::{Heard, Link, Way};
use crate::mock::{Mock, PATIENCE};

/// What clients ask in the storm. What is planned comes later, perhaps to nobody, so the calm does without.
pub(crate) const STORM: &[&str] = &["list", "list", "list", "bump", "plan"];
pub(crate) const CALM: &[&str] = &["list", "list", "bump"];

/// Of so many clients one compares the journal with what it saw.
const COMPARED: u64 = 8;

struct Good<'a> {
    link: Link,
    ledger: &'a Ledger,
    /// Asked and not answered.
    open: HashSet<u64>,
    next: u64,
    heard: u64,
    news: Option<(u64, u64)>,
    name: Option<String>,
}

/// Comes, asks so many times, and goes. A refused one only goes.
pub(crate) async fn visit(
    mock: &Mock,
    way: Way,
    ledger: &Ledger,
    chance: &mut Chance,
    (requests, actions): (u64, &[&str]),
) -> Result<()> {
    let Some(link) = Link::open(way, mock.address).await? else {
        add(&ledger.refused, 1);
        sleep(Duration::from_millis(20)).await;
        return Ok(());
    };
    add(&ledger.connections, 1);
    let mut good = Good {
        link,
        ledger,
        open: HashSet::new(),
        next: 0,
        heard: 0,
        news: None,
        name: None,
    };
    good.ask("subscribe", json!({})).await?;
    while good.next < requests {
        for _ in 0..=chance.below(4) {
            let action = actions[chance.below(actions.len() as u64) as usize];
            let more = json!({ "page": 1 + chance.below(10), "after": chance.below(300) });
            good.ask(action, more).await?;
        }
        good.answered().await?;
        sleep(Duration::from_millis(2 + chance.below(20))).await;
    }
    good.ask("unsubscribe", json!({})).await?;
    good.answered().await?;
    if chance.below(COMPARED) == 0 {
        good.compare(mock).await?;
    }
    good.link.close().await
}

impl Good<'_> {
    async fn ask(&mut self, action: &str, more: Value) -> Result<()> {
        self.next += 1;
        self.open.insert(self.next);
        self.link.ask(self.next, action, more).await?;
        add(&self.ledger.said, 1);
        Ok(())
    }

    async fn answered(&mut self) -> Result<()> {
        let answered = timeout(PATIENCE, self.all_answered()).await;
        answered.unwrap_or_else(|_| bail!("{:?} unanswered, {:?}", self.open, self.name))
    }

    async fn all_answered(&mut self) -> Result<()> {
        while !self.open.is_empty() || self.name.is_none() {
            let heard = self.link.hear().await;
            let heard = heard.with_context(|| format!("{:?} unanswered", self.open))?;
            self.heard += 1;
            add(&self.ledger.heard, 1);
            match heard {
                Heard::Answer(answer) => self.answer(&answer)?,
                Heard::Push(push) => self.push(&push)?,
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Value) -> Result<()> {
        let id = answer["id"]
            .as_u64()
            .with_context(|| format!("the answer {answer}"))?;
        ensure!(
            self.open.remove(&id),
            "request {id} is answered twice: {answer}"
        );
        ensure!(answer.get("error").is_none(), "{answer}");
        add(&self.ledger.answers, 1);
        if answer.get("edition").is_some() {
            self.news = Some(place(answer)?);
        }
        Ok(())
    }

    fn push(&mut self, push: &Value) -> Result<()> {
        add(&self.ledger.pushes, 1);
        if let Some(name) = push["hello"].as_str() {
            ensure!(self.name.is_none(), "greeted twice");
            self.name = Some(name.to_owned());
        } else if push.get("edition").is_some() {
            let (edition, seq) = place(push)?;
            match self.news {
                Some((known, last)) if known == edition => {
                    ensure!(seq == last + 1, "edition {edition}: {seq} follows {last}");
                }
                Some((known, last)) if known < edition => {
                    ensure!(seq == 1, "edition {edition} begins with {seq}");
                    self.ledger.ended(known, last);
                }
                other => bail!("{push} follows {other:?}"),
            }
            self.news = Some((edition, seq));
        }
        Ok(())
    }

    /// The journal has what went over this connection, as often and in order.
    async fn compare(&mut self, mock: &Mock) -> Result<()> {
        let name = self.name.as_deref().context("no name")?;
        let path = format!("journal?connection={name}&limit=10000");
        let entries = mock.items(&path).await?;
        // The oldest go: what has lost its beginning says nothing.
        let greeting = entries
            .first()
            .is_some_and(|first| first.to_string().contains("hello"));
        if !greeting {
            return Ok(());
        }
        let inward = |entry: &&Value| entry["direction"] == "in";
        let came = entries.iter().filter(inward).count() as u64;
        let went = entries.len() as u64 - came;
        ensure!(
            came == self.next,
            "{name} said {}, the journal has {came}",
            self.next
        );
        // What is planned comes when it is due, be it now.
        let late = entries
            .iter()
            .filter(|entry| !inward(entry))
            .skip(self.heard as usize);
        let planned = late
            .filter(|entry| entry.to_string().contains("planned"))
            .count() as u64;
        ensure!(
            went - planned == self.heard,
            "{name} heard {}, the journal has {went}, {planned} of them planned and later",
            self.heard
        );
        let ordered = entries
            .windows(2)
            .all(|two| two[0]["seq"].as_u64() < two[1]["seq"].as_u64());
        ensure!(ordered, "the journal of {name} is out of order");
        add(&self.ledger.compared, 1);
        Ok(())
    }
}

fn place(json: &Value) -> Result<(u64, u64)> {
    let number = |name: &str| {
        json[name]
            .as_u64()
            .with_context(|| format!("no `{name}` in {json}"))
    };
    Ok((number("edition")?, number("seq")?))
}
