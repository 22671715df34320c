//! A small curve of the last hour, drawn on the server: a path for an SVG of fixed size. The words beside it say what it
//! shows; whoever cannot see it misses nothing.

use std::fmt::Write as _;

/// Width of the drawing.
pub const WIDTH: i64 = 240;
/// Height of the drawing.
pub const HEIGHT: i64 = 40;
/// Room above and below the curve, so that its line is not cut.
const EDGE: i64 = 2;

/// The `d` of a path through the values, oldest left, from 0 at the bottom to the greatest at the top. Empty for fewer than
/// two values.
#[must_use]
pub fn path(values: &[i64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let steps = i64::try_from(values.len()).unwrap_or(0) - 1;
    if steps < 1 {
        return String::new();
    }
    let mut path = String::new();
    for (n, value) in (0..).zip(values) {
        let x = n * WIDTH / steps;
        let y = HEIGHT - EDGE - scaled((*value).clamp(0, most), most);
        // Writing into a text cannot fail.
        let _ = write!(path, "{}{x} {y}", if n == 0 { "M" } else { "L" });
    }
    path
}

/// How high a value stands. In 128 bits: counts may be large.
fn scaled(value: i64, most: i64) -> i64 {
    let high = i128::from(value) * i128::from(HEIGHT - 2 * EDGE) / i128::from(most);
    i64::try_from(high).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_spans_the_drawing_from_nothing_to_the_most() {
        assert_eq!(path(&[0, 5, 10]), "M0 38L120 20L240 2");
        assert_eq!(path(&[0, 0]), "M0 38L240 38", "nothing lies at the bottom");
        assert_eq!(path(&[7, 7]), "M0 2L240 2");
        assert_eq!(path(&[-3, 1]), "M0 38L240 2", "less than nothing is nothing");
    }

    #[test]
    fn a_single_value_is_no_curve() {
        assert_eq!((path(&[]), path(&[4])), (String::new(), String::new()));
    }

    #[test]
    fn large_counts_stay_inside_the_drawing() {
        assert_eq!(path(&[i64::MAX, i64::MIN, 0]), "M0 2L120 38L240 38");
        let hour: Vec<i64> = (0..60).collect();
        assert!(path(&hour).ends_with("L240 2") && path(&hour).len() < 700);
    }
}
