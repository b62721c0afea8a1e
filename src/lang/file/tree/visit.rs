//! From the YAML reader's events to nodes.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{MapKey, Node, NodeContent, Spot};

impl From<Location> for Spot {
    fn from(location: Location) -> Self {
        Spot {
            source: 0,
            line: location.line() as u32,
            column: location.column() as u32,
            byte: location.span().byte_offset().unwrap_or_default() as u32,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<NodeContent>::deserialize(deserializer)?;
        Ok(Node {
            at: spanned.defined.into(),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for NodeContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = NodeContent;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<NodeContent, E> {
        Ok(NodeContent::Null)
    }

    fn visit_none<E>(self) -> Result<NodeContent, E> {
        Ok(NodeContent::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeContent, E> {
        Ok(NodeContent::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeContent, E> {
        Ok(NodeContent::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<NodeContent, E> {
        Ok(NodeContent::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<NodeContent, E> {
        Ok(NodeContent::Whole(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<NodeContent, E> {
        Ok(NodeContent::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<NodeContent, E> {
        Ok(NodeContent::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<NodeContent, E> {
        Ok(NodeContent::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NodeContent, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(NodeContent::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeContent, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            let key = MapKey {
                at: key.defined.into(),
                name: key.value,
            };
            entries.push((key, value));
        }
        Ok(NodeContent::Map(entries))
    }
}
