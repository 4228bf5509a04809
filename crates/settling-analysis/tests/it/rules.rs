//! The heuristics on trajectories, case by case.

use settling_analysis::{
    Crossing, ErrorKind, Settling, Sweep, SweepGrid, SweepUnit, Threshold, Trajectory, Unknown,
    Window,
};

const REACHED: Threshold = Threshold::AtLeast(0.5);

fn trajectory(points: &[(u64, Option<f64>)]) -> Trajectory {
    Trajectory::new(points.iter().copied()).unwrap()
}

/// At steps 0, 10, 20, ... the last of which is the end.
fn every_ten(values: &[Option<f64>]) -> Trajectory {
    Trajectory::new((0..).step_by(10).zip(values.iter().copied())).unwrap()
}

#[test]
fn thresholds_say_what_equality_means() {
    assert!(Threshold::AtLeast(0.45).reached_by(0.45));
    assert!(!Threshold::Above(0.45).reached_by(0.45));
    assert!(Threshold::Above(0.45).reached_by(0.45_f64.next_up()));
    for threshold in [Threshold::AtLeast(0.45), Threshold::Above(0.45)] {
        assert!(!threshold.reached_by(f64::NAN));
    }
}

#[test]
fn both_protocols_can_be_said() {
    // The ten-percent step of Pythia is 14300: the text takes any step up to it, the code step
    // 13000 alone.
    let cka = trajectory(&[
        (1_000, Some(0.46)),
        (13_000, Some(0.45)),
        (23_000, Some(0.9)),
        (143_000, Some(1.0)),
    ]);
    assert_eq!(cka.early(Window::UpTo(0.1), Threshold::AtLeast(0.45)), Ok(true));
    assert_eq!(cka.early(Window::LastUpTo(0.1), Threshold::AtLeast(0.45)), Ok(true));
    assert_eq!(cka.early(Window::LastUpTo(0.1), Threshold::AtLeast(0.46)), Ok(false));
    assert_eq!(cka.early(Window::Step(13_000), Threshold::Above(0.45)), Ok(false));
    assert_eq!(cka.early(Window::Step(14_300), Threshold::Above(0.45)), Err(Unknown::NotMeasured));
    let per = trajectory(&[(0, Some(0.99)), (143_000, Some(0.95))]);
    assert_eq!(per.large_at_end(Threshold::AtLeast(0.95)), Ok(true));
    assert_eq!(per.large_at_end(Threshold::Above(0.95)), Ok(false));
}

#[test]
fn a_window_that_ends_at_a_step_contains_it() {
    let cka = trajectory(&[(0, Some(0.1)), (10, Some(0.9)), (100, Some(1.0))]);
    assert_eq!(cka.early(Window::UpTo(0.1), REACHED), Ok(true));
    assert_eq!(cka.early(Window::UpTo(0.099), REACHED), Ok(false));
    // The last point is the end: what it reaches by definition is not early.
    assert_eq!(cka.early(Window::UpTo(1.0), Threshold::AtLeast(0.95)), Ok(false));
    assert_eq!(cka.early(Window::LastUpTo(1.0), REACHED), Err(Unknown::OnlyLast));
    assert_eq!(cka.early(Window::Step(100), REACHED), Err(Unknown::OnlyLast));
    assert_eq!(
        trajectory(&[(0, Some(1.0))]).early(Window::UpTo(0.1), REACHED),
        Err(Unknown::OnlyLast)
    );
}

#[test]
fn undefined_early_values_matter_where_they_could() {
    let early = |values: &[Option<f64>]| every_ten(values).early(Window::UpTo(0.5), REACHED);
    assert_eq!(early(&[Some(0.2), None, Some(0.7), None, Some(1.0)]), Ok(true));
    assert_eq!(early(&[Some(0.2), None, Some(0.3), None, Some(1.0)]), Err(Unknown::Undefined(10)));
    assert_eq!(early(&[Some(0.2), Some(0.1), Some(0.3), None, Some(1.0)]), Ok(false));
    assert_eq!(every_ten(&[]).early(Window::UpTo(0.5), REACHED), Err(Unknown::NotMeasured));
    let no_early_step = trajectory(&[(90, Some(0.9)), (100, Some(1.0))]);
    assert_eq!(no_early_step.early(Window::UpTo(0.1), REACHED), Err(Unknown::NotMeasured));
    assert_eq!(no_early_step.early(Window::LastUpTo(0.1), REACHED), Err(Unknown::NotMeasured));
}

#[test]
fn settling_is_the_first_step_of_the_last_stay() {
    let settling = |values: &[Option<f64>]| every_ten(values).settling(REACHED, Crossing::Measured);
    assert_eq!(settling(&[Some(0.6), Some(0.7), Some(1.0)]), Ok(Settling::At(0.0)));
    assert_eq!(settling(&[Some(0.6), Some(0.4), Some(0.5), Some(1.0)]), Ok(Settling::At(20.0)));
    assert_eq!(settling(&[Some(0.6), Some(0.4), Some(1.0)]), Ok(Settling::OnlyLast));
    assert_eq!(settling(&[Some(1.0)]), Ok(Settling::OnlyLast));
    assert_eq!(settling(&[Some(0.6), Some(0.4)]), Ok(Settling::Never));
    assert_eq!(settling(&[]), Err(Unknown::NotMeasured));
    // Before the last value below the threshold nothing matters, behind it everything does.
    assert_eq!(settling(&[None, Some(0.4), Some(0.5), Some(1.0)]), Ok(Settling::At(20.0)));
    assert_eq!(settling(&[Some(0.4), None, Some(0.5), Some(1.0)]), Err(Unknown::Undefined(10)));
    assert_eq!(settling(&[Some(0.4), Some(0.6), None]), Err(Unknown::Undefined(20)));
    assert_eq!(settling(&[None, Some(0.4)]), Ok(Settling::Never));
}

#[test]
fn crossings_are_interpolated_between_the_points_around_them() {
    let cka = trajectory(&[(0, Some(0.0)), (8, Some(0.25)), (512, Some(0.75)), (1_000, Some(1.0))]);
    let settling = |crossing| cka.settling(REACHED, crossing).unwrap().step().unwrap();
    assert_eq!(settling(Crossing::Measured), 512.0);
    assert_eq!(settling(Crossing::Linear), 260.0);
    // Half-way between 9 and 513 in ln(1 + step): their geometric mean, less one.
    assert!((settling(Crossing::Log) - (f64::sqrt(9.0 * 513.0) - 1.0)).abs() < 1e-10);
    // Above a value that is the threshold itself.
    let cka = trajectory(&[(0, Some(0.5)), (10, Some(0.6)), (20, Some(1.0))]);
    assert_eq!(cka.settling(Threshold::Above(0.5), Crossing::Linear), Ok(Settling::At(0.0)));
    assert_eq!(cka.settling(REACHED, Crossing::Linear), Ok(Settling::At(0.0)));
}

#[test]
fn bad_trajectories_are_errors() {
    let kind = |points: &[(u64, Option<f64>)]| Trajectory::new(points.iter().copied()).unwrap_err();
    let error = kind(&[(0, None), (10, None), (10, None)]);
    assert_eq!(error.kind(), ErrorKind::UnorderedSteps);
    assert!(error.to_string().contains("step 10 after step 10"), "{error}");
    let error = kind(&[(0, Some(0.5)), (7, Some(f64::NAN))]);
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert!(error.to_string().contains("NaN at step 7"), "{error}");
}

#[test]
fn a_definition_without_an_answer_is_counted_and_left_out() {
    let unit =
        |early, size| SweepUnit { trajectory: trajectory(&[(10, early), (100, Some(1.0))]), size };
    let units = [unit(Some(0.9), 0.9), unit(None, 0.5), unit(Some(0.1), 0.1)];
    let grid = SweepGrid {
        reach: vec![REACHED],
        window: vec![Window::UpTo(0.1), Window::Step(100), Window::Step(50)],
        size: vec![Threshold::AtLeast(0.6)],
    };
    let sweep = Sweep::new(&units, &grid).unwrap();
    let found: Vec<_> = sweep.points().iter().map(|point| point.table.err()).collect();
    assert_eq!(found, [Unknown::Undefined(10), Unknown::OnlyLast, Unknown::NotMeasured].map(Some));
    // At step 100 every layer is at its end, which decides nothing.
    let share = sweep.share(|_| true);
    assert_eq!((share.holds, share.undefined, share.points), (0, 3, 3));
    assert_eq!(sweep.max_statistic(&Default::default()).unwrap_err().kind(), ErrorKind::Undefined);
    let error = Sweep::new(&[unit(None, f64::NAN)], &grid).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
}

/// The steps that decide are those that the rule of the variable looks at.
#[test]
fn every_window_looks_at_the_steps_that_it_names() {
    let steps = [0, 5, 10, 40, 100];
    for (window, expected) in [
        (Window::UpTo(0.1), &steps[..3]),
        (Window::UpTo(0.0), &steps[..1]),
        (Window::LastUpTo(0.1), &steps[2..3]),
        (Window::Step(40), &steps[3..4]),
        (Window::Step(41), &[]),
        (Window::Index(1), &steps[1..2]),
        (Window::Index(5), &[]),
    ] {
        assert_eq!(&steps[window.within(&steps)], expected, "{window}");
        // A trajectory that is large at one step is early if that step decides.
        for large in steps {
            let points = steps.map(|step| (step, Some(if step == large { 0.45 } else { 0.0 })));
            let trajectory = Trajectory::new(points).unwrap();
            let early = |threshold| trajectory.early(window, threshold);
            let (found, above) = match expected {
                [] => (Err(Unknown::NotMeasured), Err(Unknown::NotMeasured)),
                some => (Ok(some.contains(&large)), Ok(false)),
            };
            assert_eq!(early(Threshold::AtLeast(0.45)), found, "{window}");
            assert_eq!(early(Threshold::Above(0.45)), above, "{window}");
        }
    }
}

#[test]
fn a_window_is_written_without_the_last_digits_of_a_product() {
    assert_eq!(Window::UpTo(0.07).to_string(), "within 7 % of training");
    assert_eq!(Window::LastUpTo(0.125).to_string(), "at the last step within 12.5 % of training");
}
