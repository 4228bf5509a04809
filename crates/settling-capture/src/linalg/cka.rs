//! Linear CKA on a device.

use std::sync::{Mutex, PoisonError};

use settling_cka::{Cka, CkaAccumulator, check_pair};
use settling_core::{BoxError, MatView};
use tch::no_grad_guard;

use crate::device::Device;
use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::linalg::moments::Moments;
use crate::tensor::to_host_f64;

/// The rows that are multiplied at once, as in settling-cka.
const BLOCK_ROWS: usize = 1024;

/// Linear CKA of two streams of paired rows, on a device: [`LinearCka`](settling_cka::LinearCka)
/// with its products elsewhere.
///
/// # When to use it
///
/// On a GPU, for wide features and many rows. On a CPU use [`LinearCka`](settling_cka::LinearCka),
/// which needs no libtorch and whose bits depend on no number of threads; here [`Device::Cpu`] is
/// for tests.
///
/// # Numerics
///
/// The arithmetic is that of `LinearCka` in another order of summation: f64, every block of 1024
/// rows centered by its own mean before any product, means in twice the precision of f64. Both
/// agree to 1e-11, far from zero too (features 10⁶ standard deviations off). On one device, the
/// same rows in the same order are multiplied in the same blocks, however they are split into
/// batches; merging changes the answer by rounding only.
///
/// # Memory and cost
///
/// For widths `p`, `q`: `8 (p² + q² + p q)` bytes on the device however many rows are seen, up to
/// four times that while a block is added or another accumulator merged, and some `40 (p + q)`
/// bytes for each of the 1024 rows of a block; `4 (p + q)` bytes per row of the gathered block on
/// the host. A row costs `2 (p² + q² + p q)` floating-point operations, in f64.
///
/// # Example
///
/// ```
/// use settling_capture::{Device, DeviceCka};
/// use settling_core::MatView;
///
/// // The worked example of `settling_cka::Cka`: biased 4² / (5 · 5).
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0_f32], [1.0, 3.0, 2.0, 4.0_f32]);
/// let mut all = DeviceCka::new(Device::Cpu)?;
/// all.update(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1))?;
/// let cka = all.finish()?;
/// assert!((cka.biased()? - 0.64).abs() < 1e-15);
/// assert!((cka.debiased()? - -1.0 / 26.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DeviceCka {
    device: Device,
    torch: tch::Device,
    /// The widths of `x` and `y`.
    widths: Option<[usize; 2]>,
    moments: Option<Moments>,
    /// The rows of the block that is being gathered, row-major.
    pending: [Vec<f32>; 2],
}

impl DeviceCka {
    /// An accumulator on `device` that has seen no rows. The first update decides the widths.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Device`](crate::ErrorKind::Device) if there is no such device, or it has no
    /// f64, as [`Device::Mps`]; [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) if a
    /// GPU has failed in this process.
    pub fn new(device: Device) -> Result<Self, Error> {
        let torch = device.check_f64()?;
        Ok(Self { device, torch, widths: None, moments: None, pending: Default::default() })
    }

    /// The number of rows seen.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.moments.as_ref().map_or(0, |moments| moments.rows) + self.pending_rows()
    }

    /// Adds paired rows: `x` is `(n, x_features)`, `y` is `(n, y_features)`; row i of both is the
    /// same observation. `n` may be 0.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Matrix`](crate::ErrorKind::Matrix), with a [`settling_cka::Error`]
    /// [inside](Error::get_ref), if the numbers of rows differ, a width is 0 or not that of the
    /// update before, or an element is not finite;
    /// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory),
    /// [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) and
    /// [`ErrorKind::Libtorch`](crate::ErrorKind::Libtorch) from the device. The accumulator is then
    /// as it was before.
    pub fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), Error> {
        check_pair(x, y, self.widths).map_err(|error| Error::relayed(ErrorKind::Matrix, error))?;
        self.add(None, [x, y])
    }

    /// Adds the rows that `other` has seen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Matrix`](crate::ErrorKind::Matrix) if the widths differ,
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the devices do, and from the device as
    /// [`update`](Self::update). The accumulator is then as it was before.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        let Some(widths) = other.widths else { return Ok(()) };
        let rows = other.pending_rows();
        let [x, y] = [0, 1].map(|k| MatView::new(&other.pending[k], rows, widths[k]));
        check_pair(x, y, self.widths).map_err(|error| Error::relayed(ErrorKind::Matrix, error))?;
        if self.device != other.device {
            let message = format!(
                "an accumulator on {} cannot be merged into one on {}: keep both on one device",
                other.device, self.device
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let _guard = no_grad_guard();
        let moments = match (&self.moments, other.moments) {
            (Some(ours), Some(theirs)) => Some(self.merged(ours, &theirs)?),
            (_, theirs) => theirs,
        };
        self.add(moments, [x, y])
    }

    /// The CKA of all rows seen. More may follow.
    ///
    /// # Errors
    ///
    /// If the device fails, as in [`update`](Self::update).
    pub fn finish(&self) -> Result<Cka, Error> {
        let _guard = no_grad_guard();
        let last = match self.pending_rows() {
            0 => None,
            rows => Some(self.block([&self.pending[0], &self.pending[1]], rows)?),
        };
        let merged;
        let all = match (&self.moments, &last) {
            (Some(moments), Some(last)) => {
                merged = self.merged(moments, last)?;
                &merged
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return Ok(Cka::default()),
        };
        self.device.still_usable()?;
        let numbers = all.numbers().context(|| format!("adding up CKA on {}", self.device))?;
        Cka::from_sums(all.sums(&to_host_f64(&numbers)?))
            .map_err(|error| Error::relayed(ErrorKind::Matrix, error))
    }

    /// Adds rows that have been checked. `moments` take the place of those of `self`, if there are
    /// any, once nothing can fail.
    fn add(&mut self, mut moments: Option<Moments>, [x, y]: [MatView<'_>; 2]) -> Result<(), Error> {
        let _guard = no_grad_guard();
        let (mut start, mut waiting) = (0, self.pending_rows());
        while waiting + (x.rows() - start) >= BLOCK_ROWS {
            let end = start + BLOCK_ROWS - waiting;
            let gathered = |side: usize, m: MatView<'_>| {
                let mut values = if waiting == 0 { Vec::new() } else { self.pending[side].clone() };
                extend(&mut values, m.slice_rows(start..end));
                values
            };
            let block = self.block([&gathered(0, x), &gathered(1, y)], BLOCK_ROWS)?;
            moments = Some(match moments.as_ref().or(self.moments.as_ref()) {
                Some(before) => self.merged(before, &block)?,
                None => block,
            });
            (start, waiting) = (end, 0);
        }

        self.widths = Some([x.cols(), y.cols()]);
        self.moments = moments.or(self.moments.take());
        for (pending, m) in self.pending.iter_mut().zip([x, y]) {
            if waiting == 0 {
                pending.clear();
            }
            extend(pending, m.slice_rows(start..m.rows()));
        }
        Ok(())
    }

    fn block(&self, sides: [&[f32]; 2], rows: usize) -> Result<Moments, Error> {
        self.device.still_usable()?;
        Moments::new(sides, rows, self.torch)
            .context(|| format!("multiplying a block of {rows} rows on {}", self.device))
    }

    fn merged(&self, before: &Moments, more: &Moments) -> Result<Moments, Error> {
        self.device.still_usable()?;
        before
            .merged(more)
            .context(|| format!("adding {} rows to {} on {}", more.rows, before.rows, self.device))
    }

    fn pending_rows(&self) -> usize {
        let [x_cols, _] = self.widths.unwrap_or_default();
        self.pending[0].len().checked_div(x_cols).unwrap_or(0)
    }
}

fn extend(values: &mut Vec<f32>, rows: MatView<'_>) {
    for row in rows.iter_rows() {
        values.extend_from_slice(row);
    }
}

/// Whose turn it is to add a block: each takes four times its memory for it, which a device has for
/// one at a time only.
static TURN: Mutex<()> = Mutex::new(());

impl CkaAccumulator for DeviceCka {
    /// [`DeviceCka::update`](Self::update), one accumulator at a time.
    fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), BoxError> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self::update(self, x, y)?)
    }

    fn finish(self: Box<Self>) -> Result<Cka, BoxError> {
        Ok(Self::finish(&self)?)
    }
}
