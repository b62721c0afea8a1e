//! `fake(kind, locale)`: by the `fake` crate where it has the locale, else by our word lists.

use fake::Fake;
use fake::faker::{address, company, internet, job, lorem, name, phone_number};
use fake::locales::{AR_SA, DE_DE, EN, FR_FR, JA_JP, PT_BR, ZH_CN};

use crate::base::Chance;

const LOCALES: &str = "en, de, fr, pt, ja, zh, ar, ru";
const KINDS: &str = "name, first_name, last_name, email, username, phone, city, street, company, job, word, sentence, paragraph";

const RUSSIAN: &str = include_str!("../../fixtures/words/ru.txt");
const ARABIC: &str = include_str!("../../fixtures/words/ar.txt");

/// Makes a value of a kind. An error continues a sentence that begins with the function's name.
pub(super) fn make(
    chance: &mut Chance,
    kind: &str,
    locale: Option<&str>,
) -> Result<String, String> {
    let language = locale
        .unwrap_or("en")
        .split(['_', '-'])
        .next()
        .unwrap_or("en")
        .to_lowercase();
    let words = match language.as_str() {
        "ru" => Some(RUSSIAN),
        "ar" => Some(ARABIC),
        _ => None,
    };
    if let Some(words) = words
        && let Some(text) = from_words(chance, words, kind)
    {
        return Ok(text);
    }
    macro_rules! of {
        ($locale:expr) => {{
            let rng = chance.generator();
            match kind {
                "name" => name::raw::Name($locale).fake_with_rng(rng),
                "first_name" => name::raw::FirstName($locale).fake_with_rng(rng),
                "last_name" => name::raw::LastName($locale).fake_with_rng(rng),
                "email" => internet::raw::SafeEmail($locale).fake_with_rng(rng),
                "username" => internet::raw::Username($locale).fake_with_rng(rng),
                "phone" => phone_number::raw::PhoneNumber($locale).fake_with_rng(rng),
                "city" => address::raw::CityName($locale).fake_with_rng(rng),
                "street" => address::raw::StreetName($locale).fake_with_rng(rng),
                "company" => company::raw::CompanyName($locale).fake_with_rng(rng),
                "job" => job::raw::Title($locale).fake_with_rng(rng),
                "word" => lorem::raw::Word($locale).fake_with_rng(rng),
                "sentence" => lorem::raw::Sentence($locale, 4..9).fake_with_rng(rng),
                "paragraph" => lorem::raw::Paragraph($locale, 2..5).fake_with_rng(rng),
                _ => return Err(format!("knows no kind `{kind}`; known: {KINDS}")),
            }
        }};
    }
    Ok(match language.as_str() {
        "en" | "ru" => of!(EN),
        "de" => of!(DE_DE),
        "fr" => of!(FR_FR),
        "pt" => of!(PT_BR),
        "ja" => of!(JA_JP),
        "zh" => of!(ZH_CN),
        "ar" => of!(AR_SA),
        _ => {
            return Err(format!(
                "knows no locale `{}`; known: {LOCALES}",
                locale.unwrap_or_default()
            ));
        }
    })
}

/// Draws from lines `kind: word, word, …`; `name` is first and last name.
fn from_words(chance: &mut Chance, words: &str, kind: &str) -> Option<String> {
    if kind == "name" {
        let first = from_words(chance, words, "first_name")?;
        return Some(format!(
            "{first} {}",
            from_words(chance, words, "last_name")?
        ));
    }
    let line = words
        .lines()
        .find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'))?;
    let list: Vec<&str> = line.split(',').map(str::trim).collect();
    list.get(chance.below(list.len() as u64) as usize)
        .map(|word| (*word).to_owned())
}
