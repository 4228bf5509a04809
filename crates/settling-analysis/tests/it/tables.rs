//! What all tables of one protocol say of the same records.

use settling_analysis::{
    Average, ErrorKind, PerSites, Quantity, Rules, SummarySteps, Tables, Threshold, Window,
    layer_table, layer_variables, mcc_table,
};
use settling_core::{Component, Signal, Site, Step, View};
use settling_records::Record;

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
    assert_eq!((second.n, second.undefined, second.quantiles), (0, 1, None));
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
    assert_eq!(layer_variables(&records, "m", &rules())[0].early, None);
    let rows = mcc_table(&records, &rules());
    let row = rows.iter().find(|row| row.component == Component::Mlp).unwrap();
    assert_eq!(row.mcc, Err("no step but the last was studied within 10 % of training".to_owned()));
}

#[test]
fn records_of_no_protocol_give_empty_tables() {
    let records = layers(&[(0.5, 0.97, 0.6)]);
    let tables = Tables::new(&records, &Rules::published()).unwrap();
    assert!(tables.models.is_empty() && tables.summary.is_empty() && tables.mcc.is_empty());
    assert!(tables.settling.is_empty() && tables.surfaces.is_empty());
    assert_eq!(Signal::Activation, Quantity::deciding(&tables.rules).signal());
}
