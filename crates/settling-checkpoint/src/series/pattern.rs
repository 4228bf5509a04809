//! How the names of checkpoints tell their steps.

use std::fmt;
use std::str::FromStr;

use settling_core::Step;

use crate::error::{Error, ErrorKind};

/// How the names of a run's checkpoints tell their steps: `step{N}`, `checkpoint-{N}`,
/// `stage1-step{N}-tokens{*}B`, ...
///
/// A pattern is the name itself with two placeholders:
///
/// - `{N}`, exactly once: the step, as decimal digits. Leading zeros are read; `{N:06}` writes
///   them, to that width.
/// - `{*}`, any number of times: one or more ASCII letters, digits or dots that do not matter.
///   Where several divisions of a name would fit, the first `{*}` is as short as can be, then the
///   second, and so on.
///
/// Everything else stands for itself, and the whole name must match.
///
/// ```
/// use settling_checkpoint::StepPattern;
/// use settling_core::Step;
///
/// let pattern: StepPattern = "stage1-step{N}-tokens{*}B".parse()?;
/// assert_eq!(pattern.step("stage1-step1000-tokens3B"), Some(Step(1000)));
/// assert_eq!(pattern.step("stage2-step1000-tokens3B"), None);
/// assert_eq!(pattern.name(Step(1000)), None, "how many tokens?");
///
/// let pattern: StepPattern = "ckpt_{N:03}".parse()?;
/// assert_eq!(pattern.step("ckpt_017"), Some(Step(17)));
/// assert_eq!(pattern.name(Step(17)).as_deref(), Some("ckpt_017"));
///
/// assert_eq!(StepPattern::default().to_string(), "step{N}");
/// assert!("step".parse::<StepPattern>().unwrap_err().to_string().contains("{N}"));
/// # Ok::<(), settling_checkpoint::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepPattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(String),
    /// The step, written with at least so many digits.
    Number(usize),
    Any,
}

/// More digits than any u64 has are no width for one.
const LONGEST: usize = 20;

impl StepPattern {
    /// The step in `name`, or `None` if the name does not match or its number is too large to be a
    /// step.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<Step> {
        let digits = matches(&self.pieces, name)??;
        digits.parse().ok().map(Step)
    }

    /// The name of `step`, or `None` if the pattern has a `{*}`, which only the name itself can
    /// tell.
    #[must_use]
    pub fn name(&self, step: Step) -> Option<String> {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Number(width) => name.push_str(&format!("{:0width$}", step.0)),
                Piece::Any => return None,
            }
        }
        Some(name)
    }
}

/// `None` if the name does not match, else the digits of the `{N}` among `pieces`, if that is among
/// them.
///
/// Runs of text stand between placeholders, so this is linear but for names made to be bad, and
/// names are short.
fn matches<'a>(pieces: &[Piece], name: &'a str) -> Option<Option<&'a str>> {
    let Some((first, rest)) = pieces.split_first() else {
        return name.is_empty().then_some(None);
    };
    match first {
        Piece::Text(text) => matches(rest, name.strip_prefix(text.as_str())?),
        Piece::Number(_) => {
            // All digits there are: what follows `{N}` does not begin with a digit.
            let length = name.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, after) = name.split_at(length);
            if digits.is_empty() {
                return None;
            }
            matches(rest, after).map(|_| Some(digits))
        }
        Piece::Any => {
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
            let longest = name.bytes().take_while(fits).count();
            (1..=longest).find_map(|length| matches(rest, &name[length..]))
        }
    }
}

impl Default for StepPattern {
    /// `step{N}`, Pythia's names.
    fn default() -> Self {
        Self { pieces: vec![Piece::Text("step".to_owned()), Piece::Number(0)] }
    }
}

impl FromStr for StepPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fault = |why: String| {
            let example = "expected a name with one {N}, such as step{N} or step{N}-tokens{*}B";
            Err(Error::new(
                ErrorKind::Pattern,
                format!("the step pattern `{text}` {why}; {example}"),
            ))
        };
        if text.contains(['/', '\\']) || text.contains("..") {
            return fault("is a path: it is matched against single names".to_owned());
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let literal = &rest[..rest.find(['{', '}']).unwrap_or(rest.len())];
            if !literal.is_empty() {
                if literal.starts_with(|first: char| first.is_ascii_digit())
                    && matches!(pieces.last(), Some(Piece::Number(_)))
                {
                    return fault("has a digit right after {N}".to_owned());
                }
                pieces.push(Piece::Text(literal.to_owned()));
                rest = &rest[literal.len()..];
                continue;
            }
            let Some((inside, after)) =
                rest.strip_prefix('{').and_then(|inside| inside.split_once('}'))
            else {
                return fault("has a brace that opens or closes nothing".to_owned());
            };
            let piece = match inside.strip_prefix("N:").map(str::parse::<usize>) {
                _ if inside == "N" => Piece::Number(0),
                _ if inside == "*" => Piece::Any,
                Some(Ok(width)) if width <= LONGEST => Piece::Number(width),
                _ => return fault(format!("has the placeholder {{{inside}}}, which is unknown")),
            };
            if matches!(pieces.last(), Some(Piece::Number(_) | Piece::Any)) {
                return fault("has two placeholders with nothing between them".to_owned());
            }
            pieces.push(piece);
            rest = after;
        }
        match pieces.iter().filter(|piece| matches!(piece, Piece::Number(_))).count() {
            1 => Ok(Self { pieces }),
            0 => fault("has no {N}".to_owned()),
            _ => fault("has more than one {N}".to_owned()),
        }
    }
}

impl fmt::Display for StepPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Number(0) => f.write_str("{N}"),
            Piece::Number(width) => write!(f, "{{N:0{width}}}"),
            Piece::Any => f.write_str("{*}"),
        })
    }
}
