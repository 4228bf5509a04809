//! Compensated sums.

/// Neumaier's compensated sum: for terms of one sign the relative error is below 2 eps, however
/// many there are.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = total + term;
        lost +=
            if total.abs() >= term.abs() { (total - next) + term } else { (term - next) + total };
        total = next;
    }
    total + lost
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn keeps_what_a_plain_sum_loses() {
        let tiny = f64::EPSILON / 4.0;
        let terms = || std::iter::once(1.0).chain(std::iter::repeat_n(tiny, 8));
        assert_eq!(terms().sum::<f64>(), 1.0);
        // 8 * eps / 4 = 2 eps, which is representable beside 1.
        assert_eq!(sum(terms()), 1.0 + 2.0 * f64::EPSILON);
    }
}
