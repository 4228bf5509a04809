//! The next-token loss and its gradient, without the logits of all rows at once.
//!
//! The logits of 8 sequences of 2048 tokens over 50,304 entries take 3.3 GB, their softmax and its
//! gradient as much again. All that flows back from them is the gradient of what the output
//! embedding reads, as wide as the model. So that is computed a few rows at a time, and autograd
//! starts from there.

use tch::{Kind, TchError, Tensor};

/// The loss of some rows and what flows back from it.
pub(crate) struct Loss {
    /// The sum of the rows' cross-entropies, in nats.
    pub(crate) sum: f64,
    /// The gradient of `scale` times the sum with respect to the rows, in their shape.
    pub(crate) rows: Tensor,
    /// The same of the output embedding, if it was asked for.
    pub(crate) output_embedding: Option<Tensor>,
}

/// About how many logits are held at a time: 270 MB with their softmax, in f32. The whole output
/// embedding is read for each piece, twice, so fewer take longer: a sixteenth of it 1.7 times as
/// long.
const LOGITS: i64 = 1 << 25;

/// Where the logits of a piece and their softmax are written, for one piece after the other of one
/// micro-batch after the other: to find fresh memory each time would take as long as to fill it.
#[derive(Default)]
pub(crate) struct Scratch(Option<[Tensor; 2]>);

impl Scratch {
    /// Room for `rows` rows of logits in the kind of `x`, and of their softmax in the kind `wide`.
    fn room(
        &mut self,
        x: &Tensor,
        wide: Kind,
        rows: i64,
        vocabulary: i64,
    ) -> Result<[Tensor; 2], TchError> {
        let [logits, log_p] = match self.0.take() {
            Some(room) if room[0].size()[0] >= rows => room,
            _ => {
                let empty = |kind| Tensor::f_empty([rows, vocabulary], (kind, x.device()));
                [empty(x.kind())?, empty(wide)?]
            }
        };
        let room = [logits.f_narrow(0, 0, rows)?, log_p.f_narrow(0, 0, rows)?];
        self.0 = Some([logits, log_p]);
        Ok(room)
    }
}

/// The loss of the rows `x`, `(rows, width)`, which the output embedding `weight`,
/// `(vocabulary, width)`, reads, and of the tokens that follow, `(rows)`.
pub(crate) fn next_token_loss(
    weight: &Tensor,
    x: &Tensor,
    targets: &Tensor,
    scale: f64,
    output_embedding: bool,
    scratch: &mut Scratch,
) -> Result<Loss, TchError> {
    let x = x.f_detach()?;
    let (count, _) = x.size2()?;
    // Half precision is too coarse for a sum over the vocabulary.
    let wide = if x.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    let weight = weight.f_detach()?;
    let gradient = x.f_empty_like()?;
    let mut of_weight: Option<Tensor> = None;
    let mut sum = 0.0;
    let (vocabulary, _) = weight.size2()?;
    let piece = (LOGITS / vocabulary).max(16).min(count);
    let [all_logits, all_log_p] = scratch.room(&x, wide, piece, vocabulary)?;
    let mut start = 0;
    while start < count {
        let length = piece.min(count - start);
        let rows = x.f_narrow(0, start, length)?;
        let targets = targets.f_narrow(0, start, length)?.f_unsqueeze(1)?;
        let logits = all_logits.f_narrow(0, 0, length)?;
        let mut log_p = all_log_p.f_narrow(0, 0, length)?;
        let _ = rows.f_linear_out(&logits, &weight, None::<&Tensor>)?;
        let _ = logits.f_log_softmax_int_out(&log_p, 1, wide)?;
        let losses = log_p.f_gather(1, &targets, false)?;
        sum -= losses.f_sum(Kind::Double)?.f_double_value(&[])?;
        // Softmax less one at the target: the gradient of the logits, but for the scale.
        let ones = Tensor::f_full([length, 1], -1.0, (wide, x.device()))?;
        let p = log_p.f_exp_()?.f_scatter_add_(1, &targets, &ones)?;
        let p = p.f_to_kind(x.kind())?;
        gradient
            .f_narrow(0, start, length)?
            .f_copy_(&p.f_matmul(&weight)?.f_mul_scalar_(scale)?)?;
        if output_embedding {
            let part = p.f_transpose(0, 1)?.f_matmul(&rows)?.f_mul_scalar_(scale)?;
            of_weight = Some(match of_weight {
                None => part,
                Some(sum) => part.f_add(&sum)?,
            });
        }
        start += length;
    }
    Ok(Loss { sum, rows: gradient, output_embedding: of_weight })
}
