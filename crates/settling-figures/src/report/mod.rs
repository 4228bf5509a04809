//! One document with everything that the tables of a study say.

use settling_analysis::Tables;

use crate::error::{Error, ErrorKind};
use crate::stem::figure_stem;

mod chapter;
mod definitions;
mod html;
mod numbers;
mod report_figure;
mod words;

pub use report_figure::ReportFigure;

use chapter::Chapter;
use html::Section;

/// Everything that the tables of a study say, in one document: tables, every figure, definitions,
/// and what the numbers do and do not support.
///
/// The document is made from tables alone, so that it can be made from anybody's `records.csv`.
/// What the tables have no data for is left out, with a sentence that says why. Every protocol has
/// a part of its own, and what it says about averages, thresholds and windows is made from its
/// rules. Nothing in the tables is taken for markup, and the document loads nothing: no network, no
/// scripts, no fonts.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::Report;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,<b>mine</b>,0,0,mlp,write,,activation,cka,0.1,4096,512,last,debiased,corrected
/// 1,<b>mine</b>,1000,0,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// ";
/// let tables = [Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?];
/// let report = Report { title: "A study", tables: &tables, ..Report::default() };
/// let html = report.html()?;
/// assert!(html.contains("&lt;b&gt;mine&lt;/b&gt;") && !html.contains("<b>mine</b>"));
/// assert_eq!(report.figures()?[0].name, "main");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Report<'a> {
    /// What the document is called; "Report of a study" if it is empty.
    pub title: &'a str,
    /// The tables of every protocol, in the order of their parts.
    pub tables: &'a [Tables],
    /// The text of `manifest.json`, if there is one: how the numbers were made.
    pub manifest: Option<&'a str>,
    /// What an audit says of the checkpoints, if there was one.
    pub audit: Option<&'a str>,
    /// Figures that are not drawn from these tables, such as [spectra](crate::spectra_figure).
    pub more: &'a [ReportFigure],
}

impl Report<'_> {
    /// The document.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoData`] if there are no tables; [`ErrorKind::InvalidRecords`] if a row of
    /// `mcc` is not possible, or two of the tables are of the same protocol.
    pub fn html(&self) -> Result<String, Error> {
        let chapters = self.chapters()?;
        let title = if self.title.is_empty() { "Report of a study" } else { self.title };
        let mut sections = vec![overview(&chapters), definitions(&chapters)];
        sections.extend(chapters.iter().flat_map(Chapter::sections));
        if !self.more.is_empty() {
            let figures: String = self.more.iter().map(chapter::figure).collect();
            sections.push(("more".to_owned(), "More figures".to_owned(), figures));
        }
        sections.push(limits());
        sections.push(optional(
            "audit",
            "Audit of the checkpoints",
            self.audit,
            "Whether the checkpoints are what their names say was not checked, or its result was not \
             passed to this report.",
        ));
        sections.push(optional(
            "manifest",
            "How the numbers were made",
            self.manifest,
            "No manifest.json was passed to this report: versions, settings and hashes of the \
             inputs are not known here.",
        ));

        let entry = |(id, title, _): &(String, String, String)| {
            format!("<li><a href=\"#{id}\">{}</a></li>\n", html::escape(title))
        };
        let contents: String = sections.iter().map(entry).collect();
        let section = |(id, title, body): &(String, String, String)| {
            format!("<section id=\"{id}\">\n<h2>{}</h2>\n{body}</section>\n", html::escape(title))
        };
        let body: String = sections.iter().map(section).collect();
        let body = format!(
            "<header>\n<h1>{}</h1>\n{}</header>\n<nav aria-label=\"Contents\">\n<ol>\n{contents}</ol>\n</nav>\n<main>\n{body}</main>\n",
            html::escape(title),
            html::paragraph(words::INTRODUCTION)
        );
        Ok(html::document(title, &body))
    }

    /// The figures of the document in their order, to be [saved](crate::Figure::save) beside it.
    ///
    /// # Errors
    ///
    /// The same errors as [`html`](Self::html): no tables, or rows that cannot be drawn.
    pub fn figures(&self) -> Result<Vec<ReportFigure>, Error> {
        let chapters = self.chapters()?;
        let mut figures: Vec<ReportFigure> = Vec::new();
        for part in chapters.into_iter().flat_map(|chapter| chapter.parts) {
            figures.extend(part.items.into_iter().filter_map(|item| item.drawn.ok()));
        }
        figures.extend(self.more.iter().cloned());
        Ok(figures)
    }

    /// One per protocol, in the order of the tables.
    fn chapters(&self) -> Result<Vec<Chapter<'_>>, Error> {
        let protocols: Vec<&str> =
            self.tables.iter().map(|tables| tables.rules.protocol.as_str()).collect();
        if protocols.is_empty() {
            return Err(Error::new(ErrorKind::NoData, "nothing to report: there are no tables"));
        }
        let earlier = |(index, protocol): &(usize, &&str)| protocols[..*index].contains(*protocol);
        if let Some((_, twice)) = protocols.iter().enumerate().find(earlier) {
            let message = format!(
                "expected one set of tables per protocol, found several of protocol `{twice}`"
            );
            return Err(Error::new(ErrorKind::InvalidRecords, message));
        }
        let chapter = |tables| Chapter::new(tables, suffix(tables, &protocols));
        self.tables.iter().map(chapter).collect()
    }
}

/// What the names of the figures of a protocol end with.
fn suffix(tables: &Tables, protocols: &[&str]) -> String {
    figure_stem("", &tables.rules.protocol, protocols)
}

fn overview(chapters: &[Chapter<'_>]) -> Section {
    let body = chapters.iter().map(Chapter::overview).collect();
    ("overview".to_owned(), "Overview".to_owned(), body)
}

fn definitions(chapters: &[Chapter<'_>]) -> Section {
    let item = |term: &str, meaning: &str| {
        format!(
            "<dt><strong>{}</strong></dt><dd>{}</dd>\n",
            html::escape(term),
            html::escape(meaning)
        )
    };
    let common = words::DEFINITIONS.iter().map(|(term, meaning)| item(term, meaning));
    let mut body = format!("<dl>\n{}</dl>\n", common.collect::<String>());
    for chapter in chapters {
        let of_protocol = definitions::of_protocol(chapter.tables);
        let items = of_protocol.iter().map(|(term, meaning)| item(term, meaning));
        body += &format!(
            "<h3>Protocol {}</h3>\n<dl>\n{}</dl>\n",
            html::escape(&chapter.tables.rules.protocol),
            items.collect::<String>()
        );
    }
    ("protocol".to_owned(), "Protocol and definitions".to_owned(), body)
}

fn limits() -> Section {
    let body = format!(
        "<h3>They support</h3>\n{}<h3>They do not support more than this</h3>\n{}",
        html::list(&words::SUPPORTED),
        html::list(&words::UNSUPPORTED)
    );
    ("limits".to_owned(), "What these numbers support, and what they do not".to_owned(), body)
}

fn optional(id: &str, title: &str, text: Option<&str>, absent: &str) -> Section {
    let body = match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => format!("<pre>{}</pre>\n", html::escape(text.trim_end())),
        None => format!("<p class=\"absent\">{}</p>\n", html::escape(absent)),
    };
    (id.to_owned(), title.to_owned(), body)
}
