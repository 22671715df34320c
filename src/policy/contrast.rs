//! Whether words can be read on a colour (WCAG 2.2 §1.4.3), and which words to put on a client's: black or white, whichever
//! differs more. One of the two always reaches 4.5:1, so no registered colour can hide what stands on it.

use crate::model::color::Color;

/// Contrast of two colours: 1 (the same) to 21 (black and white).
#[must_use]
pub fn ratio(a: Color, b: Color) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The colour of words on a background: black or white.
#[must_use]
pub fn words_on(background: Color) -> Color {
    let better = ratio(background, Color::WHITE) >= ratio(background, Color::BLACK);
    if better { Color::WHITE } else { Color::BLACK }
}

/// Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2, "relative luminance").
fn luminance(color: Color) -> f64 {
    let [red, green, blue] = color.0.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn linear(channel: u8) -> f64 {
    let part = f64::from(channel) / 255.0;
    if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const READABLE: f64 = 4.5;
    const STYLE: &str = include_str!("../../static/style.css");

    fn color(text: &str) -> Color {
        text.parse().unwrap()
    }

    #[test]
    fn known_pairs_have_their_known_ratios() {
        for (a, b, expected) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#ff0000", "#ffffff", 4.0),
            ("#0000ff", "#ffffff", 8.59),
            ("#0b5c57", "#ffffff", 7.83),
        ] {
            let found = ratio(color(a), color(b));
            assert!((found - expected).abs() < 0.01, "{a} on {b}: {found}");
            assert!((found - ratio(color(b), color(a))).abs() < 1e-9, "whichever is in front");
        }
    }

    #[test]
    fn words_are_white_on_dark_and_black_on_bright() {
        for (background, words) in [
            ("#000000", "#ffffff"),
            ("#0b5c57", "#ffffff"),
            ("#b3261e", "#ffffff"),
            ("#ffffff", "#000000"),
            ("#ffcc00", "#000000"),
            ("#5fd0c5", "#000000"),
        ] {
            assert_eq!(words_on(color(background)), color(words), "{background}");
        }
    }

    #[test]
    fn no_colour_can_hide_the_words_on_it() {
        for red in (0..=255).step_by(5) {
            for green in (0..=255).step_by(5) {
                for blue in (0..=255).step_by(5) {
                    let background = Color([red, green, blue]);
                    assert!(ratio(background, words_on(background)) >= READABLE, "{background}");
                }
            }
        }
    }

    /// The colours named in a block of the stylesheet.
    fn named(block: &str) -> BTreeMap<&str, Color> {
        let pairs = block.split(';').filter_map(|line| line.split_once(':'));
        pairs
            .filter_map(|(name, value)| Some((name.trim().rsplit("--").next()?, value.trim().parse::<Color>().ok()?)))
            .collect()
    }

    #[test]
    fn every_pair_of_the_stylesheet_can_be_read_in_light_and_dark() {
        let mut blocks = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
        let (light, dark) = (named(blocks.next().unwrap()), named(blocks.next().unwrap()));
        assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>(), "both name the same");
        for (scheme, colors) in [("light", light), ("dark", dark)] {
            let words = [
                ("ink", vec!["paper", "card", "shade"]),
                ("soft", vec!["paper", "card", "shade"]),
                ("brand", vec!["paper", "card", "shade"]),
                ("on-brand", vec!["brand"]),
                ("on-danger", vec!["danger"]),
                ("alarm", vec!["alarm-paper", "card"]),
                ("warn", vec!["warn-paper"]),
                ("good", vec!["good-paper"]),
                ("info", vec!["info-paper"]),
            ];
            for (front, backs) in words {
                for back in backs {
                    let found = ratio(colors[front], colors[back]);
                    assert!(found >= READABLE, "{scheme}: {front} on {back} is {found:.2}");
                }
            }
            // Borders of fields and the focus ring (WCAG 2.2 §1.4.11).
            for (front, back) in [("line", "card"), ("line", "paper"), ("focus", "card"), ("focus", "paper")] {
                let found = ratio(colors[front], colors[back]);
                assert!(found >= 3.0, "{scheme}: {front} on {back} is {found:.2}");
            }
        }
    }
}
