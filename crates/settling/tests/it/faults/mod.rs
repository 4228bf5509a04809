//! The output folder of a study when something goes wrong: at every call that reads or changes it,
//! at any time, with others at work on it. The studies that go wrong are processes of their own:
//! this program again, as its test `child`.

mod calls;
mod child;
mod disk_full;
mod places;
mod processes;
mod tree;
