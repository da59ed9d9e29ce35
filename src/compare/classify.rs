//! Which class a source record falls into: the rules of section "Classes", as one pure function.
//!
//! Answers for the decision alone. The facts are gathered by `matching.rs`; reasons that come from
//! other records (`unique-taken`, `missing-reference`…) are added by `checks.rs`.

/// What is known of one source record with ID i and identity k, and of the target's rows with that
/// ID (Ti) and that identity (Tk).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub identity: Identity,
    /// The remembered partner of the source record lives on the target.
    pub paired: bool,
    /// The target's row with ID i, if there is one.
    pub by_id: Option<IdHolder>,
    /// How many rows of the source carry k.
    pub here: usize,
    /// How many rows of the target carry k, Ti included.
    pub there: usize,
}

/// What is known of Ti. Each fact is asked of another place, and every combination can happen.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each named where it is set")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdHolder {
    pub same_identity: bool,
    pub in_filter: bool,
    /// Ti's identity has a NULL part, and an owned row belongs to the counterpart of its parent.
    pub null_part: bool,
    /// Whether `created` is equal on both sides; `None` where it isn't declared.
    pub created_equal: Option<bool>,
    /// No other row of either side carries that `created`.
    pub created_unique: bool,
    /// Another source record has Ti's identity.
    pub identity_lives_on: bool,
    /// A remembered pair gives Ti to another source record.
    pub claimed: bool,
}

/// How far the source record's identity can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Identity {
    #[default]
    NotDeclared,
    /// Declared, but one of its parts is NULL or empty.
    NullPart,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The partner of a remembered pair is the same record.
    SameByPair,
    /// Ti is the same record.
    SameById,
    /// Ti is the same record under another identity.
    Renamed,
    /// k stands more than once on a side.
    IdentityAmbiguous,
    /// Tk has another ID.
    IdDiffers,
    /// Ti is something else.
    IdReused,
    /// Neither Ti nor Tk exists.
    New,
}

/// The first rule that fits decides.
pub fn classify(facts: &Facts) -> Verdict {
    if facts.paired {
        return Verdict::SameByPair;
    }
    if facts.by_id.as_ref().is_some_and(|holder| same_by_id(facts.identity, holder)) {
        return Verdict::SameById;
    }
    if facts.identity == Identity::Whole {
        if facts.here > 1 || facts.there > 1 {
            return Verdict::IdentityAmbiguous;
        }
        if facts.there == 1 {
            return Verdict::IdDiffers;
        }
    }
    match &facts.by_id {
        Some(holder) if renamed(holder) => Verdict::Renamed,
        Some(_) => Verdict::IdReused,
        None => Verdict::New,
    }
}

/// Rule 1 for Ti: it carries k, or there is no k to go by and nothing speaks against it.
fn same_by_id(identity: Identity, holder: &IdHolder) -> bool {
    match identity {
        Identity::Whole => holder.same_identity,
        Identity::NotDeclared => holder.in_filter && !holder.claimed,
        Identity::NullPart => {
            holder.in_filter
                && !holder.claimed
                && holder.null_part
                && holder.created_equal != Some(false)
        }
    }
}

/// Rule 4: made at the same moment as no other row, and its old identity is gone from the source.
fn renamed(holder: &IdHolder) -> bool {
    holder.in_filter
        && !holder.claimed
        && holder.created_equal == Some(true)
        && holder.created_unique
        && !holder.identity_lives_on
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
