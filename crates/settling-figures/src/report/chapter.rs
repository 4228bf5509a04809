//! The part of a report that is about one protocol.

use std::collections::BTreeSet;

use settling_analysis::{Quantity, Tables};

use super::definitions;
use super::html::{self, Section};
use super::numbers::{Numbers, correlation_table, correlations};
use super::report_figure::ReportFigure;
use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::figures::note::{self, listed};
use crate::figures::title;
use crate::plot::text::{counted, short_name};
use crate::stem::plain;
use crate::{
    estimator_figure, layer_heat_map, layer_lines, main_figure, mcc_figure, percentile_figure,
    settling_figure, surface_figure,
};

/// A section of figures.
pub(super) struct Part {
    id: &'static str,
    title: &'static str,
    /// What the figures show, and what is seen in them.
    text: Vec<String>,
    pub(super) items: Vec<Item>,
    /// Markup after the figures.
    table: String,
}

pub(super) struct Item {
    /// The heading of what is about one model: its name, and what is seen in it.
    heading: Option<(String, Vec<String>)>,
    /// The figure, or a sentence that says why there is none.
    pub(super) drawn: Result<ReportFigure, String>,
}

pub(super) struct Chapter<'a> {
    pub(super) tables: &'a Tables,
    /// Makes the names of a chapter different from those of others.
    suffix: String,
    pub(super) parts: Vec<Part>,
}

impl<'a> Chapter<'a> {
    pub(super) fn new(tables: &'a Tables, suffix: String) -> Result<Self, Error> {
        let numbers = Numbers { tables };
        let rules = &tables.rules;
        let thresholds = settled(tables);
        let mut chapter = Self { tables, suffix, parts: Vec::new() };
        chapter.add(
            "main",
            "Convergence and effective rank",
            &format!(
                "One line per model. {} A CKA that rises early says that the layers are soon close \
                 to where they end; a PER that falls says that weights or gradients come to use \
                 fewer directions.",
                note::averages(rules)
            ),
            numbers.convergence(),
            main_figure(tables),
        )?;
        chapter.add(
            "percentiles",
            "Percentiles over layers",
            &format!(
                "The same CKA layer by layer: a wide band says that the {} hides layers that \
                 converge at different times.",
                rules.summary.average.name()
            ),
            numbers.spread(),
            percentile_figure(tables),
        )?;
        chapter.add(
            "estimators",
            "Biased and debiased CKA",
            "Where the biased CKA follows the floor it reflects the number of observations and the \
             width, not similarity.",
            numbers.estimators(),
            estimator_figure(tables),
        )?;
        chapter.add(
            "settling",
            "Settling step by depth",
            "Low is early. If the lines slope, layers settle in the order of their depth.",
            Vec::new(),
            settling_figure(tables, &thresholds),
        )?;
        if let Some(settling) = chapter.parts.last_mut() {
            settling.table = numbers.settling(&thresholds);
        }
        chapter.add_layers(numbers)?;
        chapter.add_correlations()?;
        chapter.add_surfaces()?;
        Ok(chapter)
    }

    /// What is in the records, and the table of the models.
    pub(super) fn overview(&self) -> String {
        overview(self.tables)
    }

    pub(super) fn sections(&self) -> Vec<Section> {
        let section = |part: &Part| {
            let title = match self.suffix.as_str() {
                "" => part.title.to_owned(),
                _ => format!("{} (protocol {})", part.title, self.tables.rules.protocol),
            };
            let mut body: String = part.text.iter().map(|text| html::paragraph(text)).collect();
            for item in &part.items {
                if let Some((model, seen)) = &item.heading {
                    let (short, full) = (html::escape(&short_name(model)), html::escape(model));
                    body += &format!("<h3 title=\"{full}\">{short}</h3>\n");
                    body.extend(seen.iter().map(|seen| html::paragraph(seen)));
                }
                body += &match &item.drawn {
                    Ok(drawn) => figure(drawn),
                    Err(why) => format!("<p class=\"absent\">{}</p>\n", html::escape(why)),
                };
            }
            body += &part.table;
            (format!("{}{}", part.id, self.suffix), title, body)
        };
        self.parts.iter().map(section).collect()
    }

    fn add(
        &mut self,
        id: &'static str,
        title: &'static str,
        meaning: &str,
        seen: Vec<String>,
        figure: Result<Figure, Error>,
    ) -> Result<(), Error> {
        let drawn = self.drawn(id.to_owned(), title.to_owned(), figure)?;
        let text = [meaning.to_owned()].into_iter().chain(seen).collect();
        self.parts.push(Part {
            id,
            title,
            text,
            items: vec![Item { heading: None, drawn }],
            table: String::new(),
        });
        Ok(())
    }

    fn add_layers(&mut self, numbers: Numbers<'_>) -> Result<(), Error> {
        let mut items = Vec::new();
        for (index, row) in self.tables.models.iter().enumerate() {
            let name = row.model.as_str();
            let heading = Some((name.to_owned(), numbers.ranks(row)));
            let drawn = self.drawn(
                file_name("layers", index, name),
                format!("The layers of {}", short_name(name)),
                layer_lines(self.tables, name),
            )?;
            items.push(Item { heading, drawn });
            for (short, quantity) in [
                ("cka", numbers.cka()),
                ("weight-per", Quantity::WeightPer),
                ("gradient-per", Quantity::GradientPer),
            ] {
                let caption = format!("{} of the layers of {}", title(quantity), short_name(name));
                let map = layer_heat_map(self.tables, name, quantity);
                let drawn =
                    self.drawn(file_name(&format!("heat-map-{short}"), index, name), caption, map)?;
                items.push(Item { heading: None, drawn });
            }
        }
        self.parts.push(Part {
            id: "layers",
            title: "Layer by layer",
            text: vec![
                "Every layer of each model: as lines, dark for the first and light for the last, and \
                 as a map with a column for each checkpoint. Rows that light up earlier belong to \
                 layers that converge earlier."
                    .to_owned(),
            ],
            items,
            table: String::new(),
        });
        Ok(())
    }

    fn add_correlations(&mut self) -> Result<(), Error> {
        let rows = &self.tables.mcc;
        let drawn = if rows.is_empty() {
            Err("There are no correlations: no records of this protocol.".to_owned())
        } else {
            self.drawn("mcc".to_owned(), "The table of correlations".to_owned(), mcc_figure(rows))?
        };
        let (seen, table) = match &rows[..] {
            [] => (None, String::new()),
            rows => (Some(correlations(rows)), correlation_table(rows)),
        };
        let meaning = format!(
            "Do the layers with a large PER converge early? {} One line per model, component and \
             predictor, with the table of counts that the correlation comes from. A bar that crosses \
             0 is compatible with no association.",
            definitions::variables(&self.tables.rules)
        );
        self.parts.push(Part {
            id: "mcc",
            title: "Early convergence and large PER",
            text: [meaning].into_iter().chain(seen).collect(),
            items: vec![Item { heading: None, drawn }],
            table,
        });
        Ok(())
    }

    fn add_surfaces(&mut self) -> Result<(), Error> {
        let mut items = Vec::new();
        for (index, row) in self.tables.models.iter().enumerate() {
            let model = row.model.as_str();
            let drawn = self.drawn(
                file_name("surface", index, model),
                format!("Correlations of {} under other thresholds", short_name(model)),
                surface_figure(self.tables, model),
            )?;
            items.push(Item { heading: Some((model.to_owned(), Vec::new())), drawn });
        }
        self.parts.push(Part {
            id: "surfaces",
            title: "Under other thresholds",
            text: vec![
                "The same correlation for every pair of thresholds. A conclusion that holds only \
                 near the frame hangs on the choice of thresholds; the notes count on how much of \
                 the grid it is positive, and on how much it is undefined."
                    .to_owned(),
            ],
            items,
            table: String::new(),
        });
        Ok(())
    }

    /// A figure with its name; a sentence where the records have no data for it.
    fn drawn(
        &self,
        name: String,
        caption: String,
        figure: Result<Figure, Error>,
    ) -> Result<Result<ReportFigure, String>, Error> {
        match figure {
            Ok(figure) => {
                let name = format!("{name}{}", self.suffix);
                Ok(Ok(ReportFigure { name, caption, figure }))
            }
            Err(error) if error.kind() == ErrorKind::NoData => {
                Ok(Err(format!("Left out: {caption}: {error}.")))
            }
            Err(error) => Err(error),
        }
    }
}

pub(super) fn figure(drawn: &ReportFigure) -> String {
    format!(
        "<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
        drawn.figure.svg(),
        html::escape(&drawn.caption)
    )
}

fn overview(tables: &Tables) -> String {
    let protocol = &tables.rules.protocol;
    if tables.models.is_empty() {
        let absent = format!("Protocol {protocol}: there are no records.");
        return format!("<p class=\"absent\">{}</p>\n", html::escape(&absent));
    }
    let undefined: usize = tables.models.iter().map(|model| model.undefined).sum();
    let positions = tables.layers.iter().filter_map(|row| row.positions);
    let positions: BTreeSet<String> = positions.map(|positions| positions.to_string()).collect();
    let positions = match positions.len() {
        0 => String::new(),
        _ => format!(" Token positions: {}.", listed(positions)),
    };
    let records = counted(note::records(tables) as u64, "record");
    let models = counted(tables.models.len() as u64, "model");
    let text =
        format!("Protocol {protocol}: {records} of {models}. Undefined: {undefined}.{positions}");
    let numbers = Numbers { tables };
    html::paragraph(&text) + &numbers.table() + &numbers.reasons()
}

/// The thresholds of the figure of settling steps: that of early convergence, and the largest,
/// which is close to the end.
fn settled(tables: &Tables) -> Vec<f64> {
    let early = tables.rules.early.cka.number();
    let largest = tables.settling.iter().map(|row| row.threshold).fold(early, f64::max);
    if largest > early { vec![early, largest] } else { vec![early] }
}

/// `layers-2-pythia-70m`: the number keeps models apart whose names differ only in what no file
/// name should have.
fn file_name(kind: &str, index: usize, model: &str) -> String {
    format!("{kind}-{}-{}", index + 1, plain(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lead_nowhere_else() {
        assert_eq!(
            file_name("layers", 1, "EleutherAI/pythia-1.4b"),
            "layers-2-EleutherAI_pythia-1.4b"
        );
        assert_eq!(file_name("layers", 0, "../../etc"), "layers-1-.._.._etc");
        assert_eq!(file_name("layers", 0, &"x".repeat(500)).len(), 69);
    }
}
