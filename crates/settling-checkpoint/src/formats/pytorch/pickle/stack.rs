//! The values that a pickle has made so far: an arena of nodes, and the stack and the memo that
//! refer to them.

use std::collections::HashMap;

use super::values::{Id, Node, Values, describe};
use crate::formats::Fault;

const MOST_MEMOS: usize = 1 << 21;
/// `torch.save` needs about ten.
const DEEPEST: u16 = 256;

#[derive(Default)]
pub(super) struct Stack {
    nodes: Vec<Node>,
    /// How deep each node's contents are nested.
    depths: Vec<u16>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Stack {
    /// The values, once all is done.
    pub(super) fn into_values(self, root: Id) -> Values {
        Values { nodes: self.nodes, root }
    }

    /// The only value that may be left.
    pub(super) fn last(&mut self) -> Result<Id, Fault> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err("STOP with values left on the stack".into());
        }
        Ok(root)
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// What a node is, in a message.
    pub(super) fn describe(&self, id: Id) -> String {
        describe(&self.nodes, id)
    }

    pub(super) fn push(&mut self, node: Node) -> Result<(), Fault> {
        let depth = match &node {
            Node::Tuple(items) => self.depth_over(items)?,
            Node::List(items) => self.depth_over(items)?,
            Node::Dict(items) => {
                let items: Vec<Id> = items.iter().flat_map(|&(key, value)| [key, value]).collect();
                self.depth_over(&items)?
            }
            // What is in an opaque value is no part of a name.
            _ => 0,
        };
        let id = Id::try_from(self.nodes.len()).map_err(|_| "too many values")?;
        self.nodes.push(node);
        self.depths.push(depth);
        self.stack.push(id);
        Ok(())
    }

    /// A value that is there once more.
    pub(super) fn push_again(&mut self, id: Id) {
        self.stack.push(id);
    }

    /// The depth of what holds `items`.
    fn depth_over(&self, items: &[Id]) -> Result<u16, Fault> {
        let deepest = items.iter().map(|&item| self.depths[item as usize] + 1).max().unwrap_or(0);
        if deepest > DEEPEST { Err(too_deep()) } else { Ok(deepest) }
    }

    /// The height under which values belong to an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&self) -> Result<Id, Fault> {
        let top = self.stack[self.floor()..].last().copied();
        top.ok_or_else(|| "the stack is empty".into())
    }

    pub(super) fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub(super) fn mark(&mut self) -> Result<(), Fault> {
        if self.marks.len() >= usize::from(DEEPEST) {
            return Err(too_deep());
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Takes the top away. On a mark, Python's machine takes the mark.
    pub(super) fn pop_any(&mut self) -> Result<(), Fault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(|_| ())
    }

    /// What was pushed since the last mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn memoize(&mut self, number: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(number, top);
        if self.memo.len() > MOST_MEMOS { Err(too_many_memos()) } else { Ok(()) }
    }

    pub(super) fn memoize_next(&mut self) -> Result<(), Fault> {
        let number = u32::try_from(self.memo.len()).map_err(|_| too_many_memos())?;
        self.memoize(number)
    }

    pub(super) fn remember(&mut self, number: u32) -> Result<(), Fault> {
        let id = self.memo.get(&number);
        let id = *id.ok_or_else(|| format!("memo {number} was never written"))?;
        self.stack.push(id);
        Ok(())
    }

    /// Appends to the list on top.
    pub(super) fn extend_list(&mut self, items: &[Id]) -> Result<(), Fault> {
        let list = self.top()?;
        let depth = self.depth_over(items)?;
        match self.node_mut(list) {
            Node::List(list) => list.extend(items),
            Node::Opaque(opaque) => opaque.parts.extend(items),
            _ => {
                let found = self.describe(list);
                return Err(format!("appending to {found}: expected a list").into());
            }
        }
        self.deepen(list, depth);
        Ok(())
    }

    /// Adds keys and values, one after the other, to the dict on top.
    pub(super) fn extend_dict(&mut self, items: &[Id]) -> Result<(), Fault> {
        let dict = self.top()?;
        let depth = self.depth_over(items)?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        match self.node_mut(dict) {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Node::Opaque(opaque) => opaque.parts.extend(items),
            _ => {
                let found = self.describe(dict);
                return Err(format!("setting items of {found}: expected a dict").into());
            }
        }
        self.deepen(dict, depth);
        Ok(())
    }

    fn deepen(&mut self, container: Id, depth: u16) {
        let own = &mut self.depths[container as usize];
        *own = depth.max(*own);
    }
}

fn too_deep() -> Fault {
    format!("values are nested more than {DEEPEST} deep").into()
}

fn too_many_memos() -> Fault {
    format!("more than {MOST_MEMOS} memos").into()
}
