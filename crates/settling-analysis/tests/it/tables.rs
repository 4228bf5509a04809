//! What all tables of one protocol say of the same records.

use settling_analysis::{
    Average, ErrorKind, PerSites, Quantity, Rules, SettlingState, SummarySteps, Surface, Tables,
    Threshold, Window, layer_table, layer_variables, summary_table,
};
use settling_core::{Component, Signal, Site, Step, View};
use settling_records::{MccRow, Record};

fn record(site: Site, step: u64, quantity: Quantity, value: Result<f64, String>) -> Record {
    let estimator = match quantity {
        Quantity::DebiasedCka => "debiased",
        Quantity::BiasedCka => "biased",
        Quantity::CkaFloor => "floor",
        _ => "attainable",
    };
    Record::new("m", Step(step), site, quantity.signal(), quantity.metric(), value)
        .with_estimator(estimator)
        .with_protocol("mine")
}

fn rules() -> Rules {
    Rules { protocol: "mine".to_owned(), ..Rules::corrected() }
}

/// Layers of the MLP: their CKA at 10 % of training, and the PERs of weight and gradient at the
/// end.
fn layers(layers: &[(f64, f64, f64)]) -> Vec<Record> {
    let of_layer = |(layer, &(cka, weight, gradient)): (usize, &(f64, f64, f64))| {
        let site = Site::write(layer, Component::Mlp);
        [
            record(site, 10, Quantity::DebiasedCka, Ok(cka)),
            record(site, 100, Quantity::DebiasedCka, Ok(1.0)),
            record(site, 100, Quantity::WeightPer, Ok(weight)),
            record(site, 100, Quantity::GradientPer, Ok(gradient)),
        ]
    };
    layers.iter().enumerate().flat_map(of_layer).collect()
}

#[test]
fn a_surface_is_the_mcc_table_at_the_thresholds_of_the_protocol() {
    let records =
        layers(&[(0.5, 0.97, 0.6), (0.45, 0.95, 0.54), (0.3, 0.96, 0.2), (0.1, 0.8, 0.5)]);
    let mut others = rules();
    others.early.cka = Threshold::Above(0.33);
    others.early.window = Window::Index(0);
    others.large.weight_per = Threshold::Above(0.955);
    others.large.gradient_per_share = Threshold::AtLeast(1.0);
    for rules in [rules(), others] {
        let tables = Tables::new(&records, &rules).unwrap();
        let mut compared = 0;
        for surface in tables.surfaces.iter().filter(|one| one.component == Component::Mlp) {
            let predictor = match surface.predictor {
                Quantity::WeightPer => "weight_per",
                _ => "gradient_per",
            };
            let row = tables
                .mcc
                .iter()
                .find(|row| row.component == Component::Mlp && row.predictor == predictor)
                .unwrap();
            let (reach, size) = surface.own;
            assert_eq!(surface.reach[reach], rules.early.cka);
            let own = if predictor == "weight_per" {
                rules.large.weight_per
            } else {
                rules.large.gradient_per_share
            };
            assert_eq!(surface.size[size], own);
            assert_eq!(surface.at(reach, size), Some(row.mcc.clone().unwrap()), "{predictor}");
            assert!(surface.reach.windows(2).all(|pair| pair[0].number() < pair[1].number()));
            assert!(surface.size.windows(2).all(|pair| pair[0].number() < pair[1].number()));
            assert_eq!(surface.at(reach, surface.size.len()), None, "beyond the grid");
            compared += 1;
        }
        assert_eq!(compared, 2);
    }
}

#[test]
fn layers_are_seen_through_the_view_of_the_protocol_and_heads_are_left_out() {
    let flat = Site { view: View::OvFlat, ..Site::ov(0) };
    let records = [
        record(flat, 0, Quantity::WeightPer, Ok(0.25)),
        record(flat.with_head(0), 0, Quantity::WeightPer, Ok(0.5)),
        record(flat.with_head(1), 0, Quantity::WeightPer, Ok(1.0)),
        record(Site::write(0, Component::Attention), 0, Quantity::WeightPer, Ok(0.75)),
    ];
    let mut rules = rules();
    let found = |rules: &Rules| -> Vec<f64> {
        let rows = layer_table(&records, rules).unwrap();
        rows.into_iter().map(|row| row.value.unwrap()).collect()
    };
    assert_eq!(found(&rules), [0.75]);
    rules.views.weights = View::OvFlat;
    assert_eq!(found(&rules), [0.25]);
    // The average may cover heads, and is the median of 0.25, 0.5 and 1 then.
    rules.summary.average = Average::Median;
    rules.summary.per_sites = PerSites::LayersAndHeads;
    let tables = Tables::new(&records, &rules).unwrap();
    assert_eq!((tables.summary[0].value, tables.summary[0].n), (Some(0.5), 3));
    assert_eq!(tables.layers.len(), 1);
    // At steps that the protocol does not show there is no average, but the layers are there.
    rules.summary.steps = SummarySteps::Some { these: vec![], from: 1 };
    let tables = Tables::new(&records, &rules).unwrap();
    assert_eq!((tables.summary.len(), tables.layers.len(), tables.bands.len()), (0, 1, 1));
}

#[test]
fn undefined_layers_are_counted_and_keep_their_reason() {
    let site = |layer| Site::write(layer, Component::Mlp);
    let records = [
        record(site(0), 0, Quantity::DebiasedCka, Ok(0.25)),
        record(site(1), 0, Quantity::DebiasedCka, Err("zero variance".to_owned())),
        record(site(1), 1, Quantity::DebiasedCka, Err("zero variance".to_owned())),
    ];
    let tables = Tables::new(&records, &rules()).unwrap();
    let [first, second] = &tables.bands[..] else { panic!("two steps: {:?}", tables.bands) };
    assert_eq!((first.n, first.undefined, first.quantiles.unwrap().median), (1, 1, 0.25));
    assert_eq!((second.n, second.undefined, second.quantiles), (0, 2, None));
    assert_eq!(tables.layers[1].value, Err("zero variance".to_owned()));
    let model = tables.model("m").unwrap();
    assert_eq!((model.layers, model.records, model.undefined), (2, 3, 2));
    assert!(tables.model("n").is_none());
}

#[test]
fn records_that_contradict_each_other_are_refused_where_they_are_used() {
    let site = Site::write(3, Component::Mlp);
    let one = record(site, 8, Quantity::WeightPer, Ok(0.25));
    let error = |second: Record| Tables::new(&[one.clone(), second], &rules()).unwrap_err();
    let twice = error(record(site, 8, Quantity::WeightPer, Ok(0.5)));
    assert_eq!(twice.kind(), ErrorKind::Contradiction);
    let message = twice.to_string();
    assert!(message.starts_with("model `m`, step 8, layer3.mlp.write: weight per"), "{message}");
    let infinite = error(record(site, 9, Quantity::WeightPer, Ok(f64::INFINITY)));
    assert_eq!(infinite.kind(), ErrorKind::InvalidValue);
    // What belongs to another protocol, another view or another metric contradicts nothing.
    let mut others = vec![one.clone(), one.clone(), one.clone(), one.clone(), one];
    others[1].protocol = "other".to_owned();
    others[2].site.view = View::Ov;
    others[3].metric = "stable_rank".to_owned();
    others[4].estimator = "marchenko_pastur".to_owned();
    let tables = Tables::new(&others, &rules()).unwrap();
    assert_eq!((tables.layers.len(), tables.summary[0].value), (1, Some(0.25)));
}

/// CKA of the last checkpoint with itself is 1 by definition.
#[test]
fn the_last_step_alone_decides_nothing_about_early_convergence() {
    let site = Site::write(0, Component::Mlp);
    let records = [
        record(site, 0, Quantity::DebiasedCka, Ok(1.0)),
        record(site, 0, Quantity::WeightPer, Ok(0.99)),
    ];
    let unknown = "no step but the last was studied within 10 % of training".to_owned();
    assert_eq!(layer_variables(&records, "m", &rules())[0].early, Err(unknown.clone()));
    let tables = Tables::new(&records, &rules()).unwrap();
    let row = tables.mcc.iter().find(|row| row.component == Component::Mlp).unwrap();
    assert_eq!(row.mcc, Err(unknown));
    assert!(tables.models[0].early.is_empty());
    for row in &tables.settling {
        assert_eq!(row.settled, Err("only one step was studied".to_owned()));
        assert_eq!(SettlingState::from_row(row), SettlingState::Unknown);
    }
    assert!(tables.surfaces.iter().all(|surface| surface.positive.is_none_or(|at| at.holds == 0)));
}

/// A window that reaches to the end of training, or beyond it.
#[test]
fn the_last_step_is_not_counted_among_others() {
    let records = [
        layers(&[(0.5, 0.97, 0.6), (0.1, 0.8, 0.5)]),
        vec![record(Site::write(0, Component::Mlp), 50, Quantity::WeightPer, Ok(0.9))],
    ]
    .concat();
    let early = |window| -> Vec<Result<bool, String>> {
        let mut rules = rules();
        rules.early.window = window;
        let variables = layer_variables(&records, "m", &rules);
        variables.into_iter().map(|layer| layer.early).collect()
    };
    let unknown = |reason: &str| vec![Err(reason.to_owned()); 2];
    // Layer 1 reaches 0.45 at the last step alone.
    assert_eq!(early(Window::UpTo(1.0)), [Ok(true), Ok(false)]);
    assert_eq!(early(Window::LastUpTo(0.3)), [Ok(true), Ok(false)]);
    let only = "no step but the last was studied at step 100";
    assert_eq!(early(Window::Step(100)), unknown(only));
    let only = "no step but the last was studied at index 2";
    assert_eq!(early(Window::Index(2)), unknown(only));
    assert_eq!(early(Window::Index(3)), unknown("no step was studied at index 3"));
    assert_eq!(early(Window::Step(13_000)), unknown("no step was studied at step 13000"));
    // A step at which something else was measured.
    let not = "CKA: no step was measured where the rule looks";
    assert_eq!(early(Window::Step(50)), unknown(not));
}

#[test]
fn an_undefined_variable_says_which_layers_lack_it_and_why() {
    let mut records = layers(&[(0.5, 0.97, 0.6); 5]);
    for record in &mut records {
        let reason = match (record.site.layer, record.step.0, record.signal) {
            (0..=2, 10, _) => "zero variance",
            (4, 100, Signal::Weight) => "zero matrix",
            _ => continue,
        };
        record.value = Err(reason.to_owned());
    }
    let tables = Tables::new(&records, &rules()).unwrap();
    let mcc = |predictor: &str| {
        let of = |row: &&MccRow| row.component == Component::Mlp && row.predictor == predictor;
        tables.mcc.iter().find(of).unwrap().mcc.clone().unwrap_err()
    };
    let early = "early convergence of layers 0 to 2 (CKA at step 10 is undefined: zero variance)";
    assert_eq!(mcc("gradient_per"), format!("3 of 5 layers have an undefined variable: {early}"));
    let large = "large PER of the weight of layer 4 \
                 (PER of the weight at step 100 is undefined: zero matrix)";
    let both = format!("4 of 5 layers have an undefined variable: {early}; {large}");
    assert_eq!(mcc("weight_per"), both);
    let of_layer = |layer| tables.settling.iter().find(move |row| row.layer == layer).unwrap();
    let settled = of_layer(1).settled.clone().unwrap_err();
    assert_eq!(settled, "CKA at step 10 is undefined: zero variance");
    let surface = |predictor| {
        let of = |one: &&Surface| (one.component, one.predictor) == (Component::Mlp, predictor);
        tables.surfaces.iter().find(of).unwrap()
    };
    let absent = surface(Quantity::WeightPer).mcc.clone().unwrap_err();
    let why = "layer 4: PER of the weight at step 100 is undefined: zero matrix";
    assert_eq!(absent, format!("a layer has no PER at the end ({why})"));
    let reasons = &surface(Quantity::GradientPer).undefined;
    assert_eq!(reasons[0].0, "layer 0: CKA at step 10 is undefined: zero variance");
    assert_eq!(reasons.iter().map(|(_, points)| points).sum::<usize>(), 13 * 11);
}

/// A layer that lacks a step which others have, and a number that is given twice.
#[test]
fn what_was_not_measured_or_is_given_twice_decides_nothing() {
    let mut records = layers(&[(0.1, 0.97, 0.6), (0.1, 0.97, 0.6), (0.1, 0.97, 0.6)]);
    let site = |layer| Site::write(layer, Component::Mlp);
    for layer in [0, 1] {
        records.push(record(site(layer), 5, Quantity::DebiasedCka, Ok(0.2)));
    }
    records.push(record(site(1), 10, Quantity::DebiasedCka, Ok(0.9)));
    for order in [false, true] {
        if order {
            records.reverse();
        }
        let variables = layer_variables(&records, "m", &rules());
        let early: Vec<_> = variables.into_iter().map(|layer| layer.early).collect();
        let expected = [
            Ok(false),
            Err("CKA at step 10 is undefined: the records give it twice".to_owned()),
            Err("CKA at step 5 was not measured".to_owned()),
        ];
        assert_eq!(early, expected);
        let rows = summary_table(&records, &rules());
        let cka = rows.iter().filter(|row| row.signal == Signal::Activation);
        let found: Vec<_> = cka.map(|row| (row.step.0, row.value, row.n, row.undefined)).collect();
        assert_eq!(found, [(5, Some(0.2), 2, 1), (10, Some(0.1), 2, 1), (100, Some(1.0), 3, 0)]);
    }
}

/// As many layers at every step, but not the same ones.
#[test]
fn an_average_over_other_layers_than_elsewhere_is_counted_as_such() {
    let site = |layer| Site::write(layer, Component::Mlp);
    let per = |layer, step| record(site(layer), step, Quantity::WeightPer, Ok(0.5));
    let records = [per(0, 0), per(1, 8), per(0, 16), per(1, 16)];
    let tables = Tables::new(&records, &rules()).unwrap();
    let found: Vec<_> = tables.summary.iter().map(|row| (row.n, row.undefined)).collect();
    assert_eq!(found, [(1, 1), (1, 1), (2, 0)]);
    let found: Vec<_> = tables.bands.iter().map(|row| (row.n, row.undefined)).collect();
    assert_eq!(found, [(1, 1), (1, 1), (2, 0)]);
}

#[test]
fn records_of_no_protocol_give_empty_tables() {
    let records = layers(&[(0.5, 0.97, 0.6)]);
    let tables = Tables::new(&records, &Rules::published()).unwrap();
    assert!(tables.models.is_empty() && tables.summary.is_empty() && tables.mcc.is_empty());
    assert!(tables.settling.is_empty() && tables.surfaces.is_empty());
    assert_eq!(Signal::Activation, Quantity::deciding(&tables.rules).signal());
}
