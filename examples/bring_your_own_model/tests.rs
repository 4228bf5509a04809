//! What the example claims.

use std::ops::ControlFlow;
use std::sync::Mutex;

use super::model::{LAYERS, WIDTH};
use super::*;

/// libtorch's generator of random numbers is one for the process: one model is made at a time.
static GENERATOR: Mutex<()> = Mutex::new(());

#[test]
fn a_model_becomes_what_it_will_be() {
    let _alone = GENERATOR.lock().unwrap();
    let compare = |steps| compare(&Args { steps, seed: 1 }).unwrap();
    let compared = compare(120);
    assert_eq!(compared.steps, [0, 3, 10, 30, 100, 120]);
    // No better than a guess, which costs ln 32 = 3.47, and then well below it.
    assert!(compared.losses[0] > 3.4 && compared.losses[5] < 0.75 * 3.47, "{:?}", compared.losses);
    assert_eq!(compared.cka.len(), 2 * LAYERS);
    for (site, values) in &compared.cka {
        assert!((values[5] - 1.0).abs() < 1e-12, "{site}: {values:?}");
        assert!(values[4] > values[0] && values[0] < 0.9, "{site}: {values:?}");
    }
    let [one, two] = [compare(5), compare(5)];
    assert_eq!((one.losses, one.cka), (two.losses, two.cka), "it is seeded");
}

#[test]
fn it_keeps_to_the_contract_of_captures() {
    let _alone = GENERATOR.lock().unwrap();
    let store = nn::VarStore::new(Device::Cpu);
    let mut model = Model::new(&store.root());
    let batch = sequences(4, 0).unwrap();
    let mut seen = Vec::new();
    model
        .activations(&batch, &mut |site: &Site, rows: MatView<'_>| {
            assert_eq!((rows.rows(), rows.cols()), (4 * CONTEXT as usize, WIDTH as usize));
            seen.push(*site);
            if seen.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, model.sites()[..4]);
    // A row is the same however many are run with it, but for a few hundred roundings of 6e-8.
    let first = TokenBatch::new(batch.row(0).to_vec(), batch.width()).unwrap();
    let [all, one] = [&batch, &first].map(|batch| Activations::capture(&mut model, batch).unwrap());
    assert_eq!(one.iter().len(), model.sites().len());
    for (site, rows) in one.iter() {
        let (rows, all) = (rows.to_vec(), all.get(site).unwrap().to_vec());
        assert!(rows.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-5), "{site}");
    }
}
