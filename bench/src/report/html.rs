//! The report as one small web page: the text, and the latency curve as a drawing.
//!
//! No scripts and nothing from elsewhere, so that the page can be kept with the figures.

use std::fmt::Write;

use super::RunReport;
use super::text::{micros, text};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 20.0;

/// Grid lines of the quantile axis, which is logarithmic in the distance to 100 %.
const QUANTILES: [(f64, &str); 7] = [
    (0.0, "0"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
    (0.999_999, "99.9999 %"),
];

/// The page.
#[must_use]
pub fn html(report: &RunReport) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body{{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:{WIDTH}px;\
         color:#222;background:#fff}}pre{{font-size:12.5px;overflow-x:auto}}svg{{width:100%}}\
         text{{font-size:11px;fill:#555}}</style></head>\n\
         <body><h1>{title}</h1>\n{curve}\n<pre>{text}</pre></body></html>\n",
        title = escape(&report.label),
        curve = curve(&report.curve),
        text = escape(&text(report)),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Places of latency and quantile in the drawing; both axes are logarithmic.
struct Axes {
    latency_low: f64,
    latency_high: f64,
    quantile_high: f64,
}

impl Axes {
    fn of(points: &[(f64, f64)]) -> Self {
        let low = points.first().map_or(1.0, |point| point.0).max(0.1);
        let high = points.last().map_or(10.0, |point| point.0).max(low * 1.01);
        let reached = points
            .iter()
            .map(|point| point.1)
            .filter(|quantile| *quantile < 1.0);
        Self {
            latency_low: 10f64.powf(low.log10().floor()),
            latency_high: 10f64.powf(high.log10().ceil()),
            quantile_high: reached.fold(0.9, f64::max),
        }
    }

    fn x(&self, quantile: f64) -> f64 {
        let depth = |quantile: f64| -(1.0 - quantile.min(self.quantile_high)).log10();
        LEFT + (WIDTH - LEFT - 20.0) * depth(quantile) / depth(self.quantile_high)
    }

    fn y(&self, latency: f64) -> f64 {
        let span = (self.latency_high / self.latency_low).log10();
        let height = HEIGHT - TOP - BOTTOM;
        HEIGHT - BOTTOM - height * (latency.max(self.latency_low) / self.latency_low).log10() / span
    }
}

fn curve(points: &[(f64, f64)]) -> String {
    if points.len() < 2 {
        return String::new();
    }
    let axes = Axes::of(points);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"latency by percentile\">"
    );
    let (left, right) = (LEFT, WIDTH - 20.0);
    let base = HEIGHT - BOTTOM;
    // Writing to a string cannot fail.
    for (quantile, name) in QUANTILES
        .iter()
        .filter(|(quantile, _)| *quantile < axes.quantile_high)
    {
        let x = axes.x(*quantile);
        let _ = write!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{base}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            base + 18.0
        );
    }
    let mut latency = axes.latency_low;
    while latency <= axes.latency_high * 1.001 {
        let y = axes.y(latency);
        let _ = write!(
            out,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            y + 4.0,
            micros(latency)
        );
        latency *= 10.0;
    }
    out.push_str("<polyline fill=\"none\" stroke=\"#0b62a4\" stroke-width=\"2\" points=\"");
    for (latency, quantile) in points {
        let _ = write!(out, "{:.1},{:.1} ", axes.x(*quantile), axes.y(*latency));
    }
    out.push_str("\"/></svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn the_page_holds_the_curve_inside_its_frame_and_nothing_from_elsewhere() {
        let (mut report, _) = sample();
        report.label = "a <b> & \"c\"".to_owned();
        let page = html(&report);
        assert!(page.contains("a &lt;b&gt; &amp; &quot;c&quot;"), "{page}");
        assert!(!page.contains("http") && !page.contains("<script"));
        let points = page
            .split("points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let mut count = 0;
        for point in points.split_whitespace() {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(
                (LEFT..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y),
                "{point}"
            );
            count += 1;
        }
        assert_eq!(count, report.curve.len());
    }

    #[test]
    fn a_run_without_latencies_has_a_page_without_curve() {
        assert!(!html(&RunReport::default()).contains("<svg"));
    }
}
