"""The machine of an ID-number change: from a 15-digit number to benefits that are paid again."""

from typing import Final

from cases.errors import Code
from cases.events import Event
from cases.machines.machine import (
    END_OF_PERSON,
    Awaits,
    Clock,
    Effect,
    Guard,
    Machine,
    Milestone,
    Row,
    Status,
    StatusRow,
    same,
)
from cases.names import Kind

_S, _E, _G, _F, _M, _A, _C = Status, Event, Guard, Effect, Milestone, Awaits, Clock

# Nobody's benefits stay held while a hold or a dispute is in force.
_DISPUTE = (_F.open_dispute, _F.lift_benefit_holds, _F.notify_applicant)
_UNDO_NUMBER = (_F.restore_number, _F.release_reservation, _F.yield_turn)
_TAKEN_BACK = (*_UNDO_NUMBER, _F.notify_applicant)
_WAITING = (_S.awaiting_documents, _S.in_review, _S.awaiting_approval)
_BEFORE_VERIFIED = (*_WAITING, _S.on_hold)
_CHANGE_OPEN = (*_BEFORE_VERIFIED, _S.disputed, _S.merging, _S.verified, _S.applying, _S.repair)
_ANYWHERE = (_S.screening, *_CHANGE_OPEN, _S.updated, _S.releasing)
_ESCALATING_CHANGE = (
    *(_S.screening, *_WAITING, _S.disputed, _S.merging, _S.verified),
    *(_S.applying, _S.repair, _S.updated, _S.releasing),
)
_BENEFITS_MAY_BE_HELD = (_S.awaiting_documents, _S.in_review)
_DECISION_IS_ASKED = (_S.screening, _S.awaiting_documents, _S.in_review, _S.verified, _S.applying, _S.repair)

ID_NUMBER_CHANGE: Final = Machine(
    Kind.id_number_change,
    (
        StatusRow(_S.screening, _M.submitted, _A.engine, None, "初审", engine_step=_E.screened),
        StatusRow(_S.awaiting_documents, _M.submitted, _A.applicant, _C.supplement, "待补正材料", runs=False),
        StatusRow(_S.in_review, _M.submitted, _A.clerk, None, "审核中", examines=True),
        StatusRow(_S.awaiting_approval, _M.submitted, _A.second_officer, None, "待复核审批", examines=True),
        StatusRow(_S.on_hold, _M.submitted, _A.clerk, _C.hold, "中止办理", runs=False),
        StatusRow(_S.disputed, _M.submitted, _A.two_officers, None, "号码争议", runs=False),
        StatusRow(_S.merging, _M.submitted, _A.two_officers, None, "重复参保待认定", runs=False),
        StatusRow(_S.verified, _M.documents_verified, _A.engine, None, "材料已核验", engine_step=_E.apply),
        StatusRow(_S.applying, _M.documents_verified, _A.downstream, _C.confirmation, "变更中", engine_step=_E.commit),
        StatusRow(_S.repair, _M.documents_verified, _A.operator, None, "异常待处理"),
        StatusRow(_S.updated, _M.number_updated, _A.engine, None, "号码已变更", engine_step=_E.unblock),
        StatusRow(_S.releasing, _M.number_updated, _A.engine, None, "恢复待遇中", engine_step=_E.release),
        StatusRow(_S.done, _M.benefits_unblocked, _A.nobody, None, "办结"),
        StatusRow(_S.not_needed, None, _A.nobody, None, "无需变更"),
        StatusRow(_S.rejected, None, _A.nobody, None, "不予办理"),
        StatusRow(_S.withdrawn, None, _A.nobody, None, "已撤回申请"),
        StatusRow(_S.closed_no_response, None, _A.nobody, None, "逾期未补正，已关闭"),
        StatusRow(_S.ended, None, _A.nobody, None, "终止（死亡或转出等）"),
    ),
    (
        # Whoever asked for the number while this case had it in hand is in dispute with it.
        Row(_S.screening, _E.screened, _G.person_unknown, _S.ended, (_F.leave_dispute,)),
        *(
            Row(_S.screening, _E.screened, guard, _S.ended, (_F.leave_dispute, _F.release_what_is_owed))
            for guard in (_G.person_deceased, _G.person_transferred, _G.person_merged)
        ),
        Row(_S.screening, _E.screened, _G.not_needed, _S.not_needed, (_F.notify_applicant,)),
        # Whoever has the number may be the same person: that is no dispute until two officers say so.
        Row(_S.screening, _E.screened, _G.same_person, _S.merging, (_F.lift_benefit_holds, _F.notify_applicant)),
        Row(_S.screening, _E.screened, _G.conflict, _S.disputed, _DISPUTE),
        Row(_S.screening, _E.screened, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
        Row(_S.screening, _E.screened, _G.always, _S.in_review, (_F.notify_applicant,)),
        # documents
        Row(_S.awaiting_documents, _E.add_documents, _G.documents_missing, _S.awaiting_documents),
        Row(_S.awaiting_documents, _E.add_documents, _G.always, _S.in_review),
        Row(
            _S.awaiting_documents,
            _E.supplement_expired,
            _G.always,
            _S.closed_no_response,
            (_F.leave_dispute, _F.notify_applicant),
        ),
        Row(_S.in_review, _E.add_documents, _G.always, _S.in_review),
        # Nothing was named in time: the filing counts as complete, and is decided on.
        *same((_S.in_review, _S.awaiting_approval), _E.notice_period_passed, _G.always, None),
        # Whoever adds a document after the verification changes what was verified: it is verified again.
        Row(_S.awaiting_approval, _E.add_documents, _G.always, _S.in_review),
        *same((_S.on_hold, _S.disputed, _S.merging), _E.add_documents, _G.always, None),
        Row(_S.in_review, _E.verify_documents, _G.second_officer_needed, _S.awaiting_approval),
        Row(_S.in_review, _E.verify_documents, _G.always, _S.verified),
        *same(
            (_S.in_review, _S.awaiting_approval),
            _E.return_documents,
            _G.always,
            _S.awaiting_documents,
            _F.notify_applicant,
        ),
        Row(_S.awaiting_approval, _E.approve, _G.always, _S.verified),
        *same(_BEFORE_VERIFIED, _E.reject, _G.always, _S.rejected, _F.leave_dispute, _F.notify_applicant),
        # hold
        *same(_WAITING, _E.hold, _G.always, _S.on_hold, _F.lift_benefit_holds, _F.notify_applicant),
        *(
            row
            for event in (_E.resume, _E.hold_expired)
            for row in (
                Row(_S.on_hold, event, _G.held_in_approval, _S.awaiting_approval, (_F.notify_applicant,)),
                Row(_S.on_hold, event, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
                Row(_S.on_hold, event, _G.always, _S.in_review, (_F.notify_applicant,)),
            )
        ),
        *same(_BEFORE_VERIFIED, _E.extend, _G.always, None, _F.notify_applicant),
        # dispute
        *same(
            (*_BEFORE_VERIFIED, _S.merging),
            _E.dispute_opened,
            _G.always,
            _S.disputed,
            _F.lift_benefit_holds,
            _F.notify_applicant,
        ),
        Row(_S.disputed, _E.resolve_dispute, _G.first_decider, _S.disputed),
        # Neither decision takes the other's place.
        Row(_S.disputed, _E.resolve_dispute, _G.decides_otherwise, _S.disputed, refused=Code.OPINIONS_DIFFER),
        Row(_S.disputed, _E.resolve_dispute, _G.outcome_against, _S.rejected, (_F.settle_against, _F.notify_applicant)),
        # A hold that the dispute interrupted goes on, with what is left of it.
        Row(_S.disputed, _E.resolve_dispute, _G.held_before, _S.on_hold, (_F.settle_ours, _F.notify_applicant)),
        Row(
            _S.disputed,
            _E.resolve_dispute,
            _G.documents_missing,
            _S.awaiting_documents,
            (_F.settle_ours, _F.notify_applicant),
        ),
        Row(_S.disputed, _E.resolve_dispute, _G.always, _S.in_review, (_F.settle_ours, _F.notify_applicant)),
        # There may be a third person who disputes the number with the one that lost it.
        Row(_S.disputed, _E.dispute_lost, _G.always, _S.rejected, (_F.leave_dispute, _F.notify_applicant)),
        *(
            row
            for event in (_E.dispute_won, _E.dispute_lapsed)
            for row in (
                Row(_S.disputed, event, _G.held_before, _S.on_hold, (_F.notify_applicant,)),
                Row(_S.disputed, event, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
                Row(_S.disputed, event, _G.always, _S.in_review, (_F.notify_applicant,)),
            )
        ),
        # one human, two records: also where officers find that out in a dispute
        *(
            row
            for status, ways in (
                (_S.merging, (Row(_S.merging, _E.resolve_duplicate, _G.two_people, _S.disputed, _DISPUTE),)),
                (
                    _S.disputed,
                    (Row(_S.disputed, _E.resolve_duplicate, _G.held_before, _S.on_hold, (_F.merge_records,)),),
                ),
            )
            for row in (
                Row(status, _E.resolve_duplicate, _G.first_judgement, status),
                Row(status, _E.resolve_duplicate, _G.judges_otherwise, status, refused=Code.OPINIONS_DIFFER),
                *ways,
                Row(
                    status,
                    _E.resolve_duplicate,
                    _G.documents_missing,
                    _S.awaiting_documents,
                    (_F.merge_records, _F.notify_applicant),
                ),
                Row(status, _E.resolve_duplicate, _G.always, _S.in_review, (_F.merge_records,)),
            )
        ),
        # What was merged are two people after all: they have a number in common, as before.
        *(
            row
            for status in _WAITING
            for row in (
                Row(status, _E.resolve_duplicate, _G.first_judgement, status),
                Row(status, _E.resolve_duplicate, _G.judges_otherwise, status, refused=Code.OPINIONS_DIFFER),
                Row(
                    status,
                    _E.resolve_duplicate,
                    _G.always,
                    _S.disputed,
                    (_F.undo_merge, _F.open_dispute, _F.lift_benefit_holds),
                ),
            )
        ),
        # applying: everything can be undone until another system has confirmed
        Row(
            _S.verified,
            _E.apply,
            _G.always,
            _S.applying,
            (_F.take_turn, _F.reserve_number, _F.snapshot_entitlements),
        ),
        Row(_S.verified, _E.number_taken, _G.always, _S.disputed, _DISPUTE),
        *(
            Row(
                _S.applying,
                _E.commit,
                guard,
                to,
                (
                    _F.commit_number,
                    _F.compare_entitlements,
                    _F.mark_card_outdated,
                    _F.publish_number_changed,
                    *more,
                ),
            )
            for guard, to, more in (
                (_G.no_confirmation_awaited, _S.updated, (_F.yield_turn,)),
                (_G.always, _S.applying, ()),
            )
        ),
        Row(_S.applying, _E.commit_refused, _G.always, _S.in_review, (_F.release_reservation, _F.yield_turn)),
        # What was reviewed rests on a register that is no more: road, demands and documents are looked at again.
        Row(_S.verified, _E.register_changed, _G.always, _S.screening, (_F.follow_register,)),
        Row(
            _S.applying,
            _E.register_changed,
            _G.always,
            _S.screening,
            (_F.release_reservation, _F.follow_register, _F.yield_turn),
        ),
        *(
            row
            for status in (_S.applying, _S.repair)
            for row in (
                Row(status, _E.confirm_downstream, _G.refused_undoable, _S.in_review, _TAKEN_BACK),
                Row(status, _E.confirm_downstream, _G.refused, _S.repair),
                Row(status, _E.confirm_downstream, _G.last_confirmation, _S.updated, (_F.yield_turn,)),
                Row(status, _E.confirm_downstream, _G.always, status),
            )
        ),
        Row(_S.applying, _E.confirmation_overdue, _G.always, _S.repair),
        # Who was not asked is not late: that its question did not arrive is the agency's to mend.
        Row(_S.applying, _E.delivery_overdue, _G.always, _S.repair, (_F.notify_office,)),
        Row(_S.applying, _E.question_delivered, _G.always, _S.applying),
        Row(_S.repair, _E.question_delivered, _G.not_asked_in_time, _S.applying),
        # Another version of the policy asks for less: the case waits for nothing that is no more.
        *same((_S.applying, _S.repair), _E.nothing_awaited, _G.always, _S.updated, _F.yield_turn),
        Row(_S.awaiting_documents, _E.nothing_awaited, _G.always, _S.in_review),
        # The old number has a rightful holder by now: what was to take the change back finds the case in repair.
        *same((_S.applying, _S.repair), _E.undo_failed, _G.always, _S.repair),
        Row(_S.repair, _E.repair, _G.retry, _S.applying, (_F.publish_number_changed,)),
        Row(_S.repair, _E.repair, _G.accept_last, _S.updated, (_F.yield_turn,)),
        Row(_S.repair, _E.repair, _G.accept, _S.repair),
        Row(_S.repair, _E.repair, _G.undo_possible, _S.in_review, _TAKEN_BACK),
        *same((_S.screening, _S.verified, _S.updated, _S.releasing), _E.stuck, _G.always, None),
        *same((_S.screening, _S.verified, _S.updated), _E.repair, _G.retry, None),
        # A release that found a benefit still held unblocks once more.
        Row(_S.releasing, _E.repair, _G.retry, _S.updated),
        # ways out; out of the screening only where the engine is stuck in it
        *same(
            (_S.screening, *_BEFORE_VERIFIED),
            _E.withdraw,
            _G.always,
            _S.withdrawn,
            _F.leave_dispute,
            _F.notify_applicant,
        ),
        *same((_S.disputed, _S.merging), _E.withdraw, _G.always, _S.withdrawn, _F.leave_dispute, _F.notify_applicant),
        Row(_S.verified, _E.withdraw, _G.always, _S.withdrawn, (_F.leave_dispute, _F.notify_applicant)),
        *same(
            (_S.applying, _S.repair),
            _E.withdraw,
            _G.undoable,
            _S.withdrawn,
            *_UNDO_NUMBER,
            _F.leave_dispute,
            _F.notify_applicant,
        ),
        # The new number stays in force, and the ending says so.
        Row(
            _S.repair,
            _E.withdraw,
            _G.not_to_be_undone,
            _S.withdrawn,
            (_F.yield_turn, _F.leave_dispute, _F.notify_applicant),
        ),
        # The end of a person ends the case wherever it stands. What cannot be taken back any more stays, and the ending
        # says so; whoever waited for the change, or wanted the old number, is told as at any other end of it.
        *(
            row
            for event, ends in END_OF_PERSON
            for row in (
                *same(
                    (_S.screening, *_BEFORE_VERIFIED, _S.disputed, _S.merging, _S.verified),
                    event,
                    _G.always,
                    _S.ended,
                    _F.leave_dispute,
                    *ends,
                ),
                *same((_S.applying, _S.repair), event, _G.undoable, _S.ended, *_UNDO_NUMBER, _F.leave_dispute, *ends),
                *same(
                    (_S.applying, _S.repair, _S.updated, _S.releasing),
                    event,
                    _G.always,
                    _S.ended,
                    _F.yield_turn,
                    _F.leave_dispute,
                    _F.wake_replacement,
                    *ends,
                ),
            )
        ),
        # A loss is blocked whatever the case is about, also while the number is being changed.
        *same(_ANYWHERE, _E.report_loss, _G.always, None, _F.report_loss),
        *same(_ANYWHERE, _E.confirm_loss, _G.temporarily_lost, None, _F.confirm_loss),
        *same(_ANYWHERE, _E.card_found, _G.unblock_possible, None, _F.unblock_card),
        *same(_ANYWHERE, _E.block_ended, _G.temporarily_lost, None),
        # benefits
        *same(_BENEFITS_MAY_BE_HELD, _E.hold_benefits, _G.always, None, _F.hold_benefits, _F.notify_applicant),
        # Wherever the decision is asked for it can be taken.
        *same(_DECISION_IS_ASKED, _E.keep_benefits, _G.always, None),
        *same(
            (_S.awaiting_documents, _S.in_review, _S.awaiting_approval, _S.verified, _S.applying, _S.repair),
            _E.release_benefits,
            _G.always,
            None,
            _F.release_benefits,
        ),
        # A hold that ended beside the case, which shows it until it is told.
        *same(
            (_S.screening, *_WAITING, _S.verified, _S.applying, _S.repair, _S.updated),
            _E.benefits_lifted,
            _G.always,
            None,
            _F.assert_no_benefit_held,
        ),
        Row(
            _S.updated,
            _E.unblock,
            _G.always,
            _S.releasing,
            (_F.lift_benefit_holds, _F.requeue_claims),
        ),
        Row(
            _S.releasing,
            _E.release,
            _G.always,
            _S.done,
            (
                _F.assert_benefits_unblocked,
                _F.compare_entitlements,
                _F.wake_replacement,
                _F.offer_replacement,
                _F.notify_applicant,
            ),
        ),
        # deadlines; a hold silences the ladder
        *same((*_CHANGE_OPEN, _S.updated, _S.releasing), _E.acknowledge, _G.always, None),
        *same(
            (_S.screening, *_CHANGE_OPEN, _S.updated, _S.releasing), _E.recompute, _G.always, None, _F.notify_applicant
        ),
        *same(_ESCALATING_CHANGE, _E.escalated, _G.always, None, _F.escalate),
    ),
)
