//! A look at the structures of Parquet files before the decoder reads them.

/// The most truth values in a list. Parquet has no such list in what is looked at here.
const MOST_TRUTHS: u64 = 64;
const DEEPEST: u8 = 32;

/// Whether `bytes` begin with a whole Thrift structure (in the compact protocol) that can be passed
/// over in a time that its length explains: truth values in a list take no bytes, so that seven
/// bytes can claim two billion, which the decoder counts one by one.
pub(super) fn begins_with_structure(bytes: &[u8]) -> bool {
    Walk(bytes).skip(12, DEEPEST).is_some()
}

/// Whether a page has room for the values, of at least four bytes each, of the dictionary that its
/// header claims: the decoder makes room for as many as are claimed. `None` if `header` does not
/// begin with such a structure as [`begins_with_structure`] wants.
pub(super) fn has_room_for_its_dictionary(header: &[u8]) -> Option<bool> {
    // By their numbers in Parquet's description of a page header: the size of the page unpacked,
    // and the dictionary's header, in which the first field is the number of values.
    let (mut size, mut values) = (None, None);
    let mut walk = Walk(header);
    walk.fields(|walk, field, kind| match (field, kind) {
        (2, 5) => walk.signed().map(|number| size = Some(number)),
        (7, 12) => walk.fields(|walk, field, kind| match (field, kind) {
            (1, 5) => walk.signed().map(|number| values = Some(number)),
            _ => walk.skip(kind, DEEPEST - 2),
        }),
        _ => walk.skip(kind, DEEPEST - 1),
    })?;
    let room = size.unwrap_or(0) / 4;
    Some(values.is_none_or(|values| (0..=room).contains(&values)))
}

struct Walk<'a>(&'a [u8]);

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn advance(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        self.number().map(|number| (number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// The fields of a structure: `each` reads the value of one, by its number and kind.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            if head & 15 == 0 {
                return Some(());
            }
            field = match i64::from(head >> 4) {
                0 => self.signed()?,
                step => field.checked_add(step)?,
            };
            each(self, field, head & 15)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // A truth value, which is in its kind.
            1 | 2 => Some(()),
            3 => self.advance(1),
            4..=6 => self.number().map(|_| ()),
            7 => self.advance(8),
            // A string.
            8 => {
                let length = self.number()?;
                self.advance(length)
            }
            // A list or a set.
            9 | 10 => {
                let head = self.byte()?;
                let short = u64::from(head >> 4);
                let count = if short == 15 { self.number()? } else { short };
                self.elements(count, &[head & 15], depth)
            }
            // A map.
            11 => match self.number()? {
                0 => Some(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 15], depth)
                }
            },
            // A structure.
            12 => self.fields(|walk, _, kind| walk.skip(kind, depth)),
            13 => self.advance(16),
            _ => None,
        }
    }

    fn elements(&mut self, count: u64, kinds: &[u8], depth: u8) -> Option<()> {
        if count > MOST_TRUTHS && kinds.iter().any(|kind| matches!(kind, 1 | 2)) {
            return None;
        }
        for _ in 0..count {
            for &kind in kinds {
                self.skip(kind, depth)?;
            }
        }
        Some(())
    }
}
