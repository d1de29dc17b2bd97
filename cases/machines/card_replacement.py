"""The machine of a card replacement: from a lost or old card to a new one that pays benefits."""

from typing import Final

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

_WAITING = (_S.awaiting_documents, _S.in_review, _S.awaiting_approval)
_BEFORE_ORDER = (*_WAITING, _S.on_hold)
_BLOCKABLE = (_S.temporarily_blocked, *_BEFORE_ORDER)
_WITH_THE_BUREAU = (_S.ordered, _S.in_production, _S.repair)
_WITH_THE_PERSON = (_S.ready, _S.handed_over)
_SWITCHING = (_S.active, _S.closing_old)
_AFTER_ITS_PERSON = (_S.card_outstanding, _S.card_to_destroy)
_ESCALATING_REPLACEMENT = (
    *(_S.checking, _S.temporarily_blocked, *_WAITING),
    *(*_WITH_THE_BUREAU, *_WITH_THE_PERSON, _S.active, _S.closing_old),
    *_AFTER_ITS_PERSON,
)
_REPLACEMENT_OPEN = (*_BLOCKABLE, *_WITH_THE_BUREAU, *_WITH_THE_PERSON, _S.active, _S.closing_old, *_AFTER_ITS_PERSON)
# What was printed with what has changed since stays in use: a new card is offered, or asked for, as the policy says.
_NO_NEW_CARD = (_F.offer_replacement, _F.notify_applicant)
_GOES_ON_WHILE_LOST = tuple(
    status for status in (_S.checking, *_REPLACEMENT_OPEN) if status is not _S.temporarily_blocked
)

CARD_REPLACEMENT: Final = Machine(
    Kind.card_replacement,
    (
        StatusRow(_S.checking, _M.submitted, _A.engine, None, "预检", engine_step=_E.checked),
        StatusRow(_S.temporarily_blocked, _M.submitted, _A.applicant, _C.loss_report, "临时挂失", runs=False),
        StatusRow(_S.awaiting_documents, _M.submitted, _A.applicant, _C.supplement, "待补正材料", runs=False),
        StatusRow(_S.in_review, _M.submitted, _A.clerk, None, "审核中", examines=True),
        StatusRow(_S.awaiting_approval, _M.submitted, _A.second_officer, None, "待复核审批", examines=True),
        StatusRow(_S.on_hold, _M.submitted, _A.clerk, _C.hold, "中止办理", runs=False, then=_A.clerk),
        StatusRow(_S.ordered, _M.documents_verified, _A.engine, None, "已核准制卡", engine_step=_E.order_card),
        StatusRow(_S.in_production, _M.documents_verified, _A.card_bureau, _C.production, "制卡中", then=_A.operator),
        StatusRow(_S.ready, _M.documents_verified, _A.applicant, _C.claim, "待领取", runs=False, then=_A.two_people),
        StatusRow(
            _S.handed_over,
            _M.documents_verified,
            _A.applicant,
            _C.activation,
            "已领取待激活",
            runs=False,
            then=_A.clerk,
        ),
        StatusRow(_S.repair, _M.documents_verified, _A.operator, None, "异常待处理"),
        # The person's case is over, and a card that could not be cancelled is not settled yet.
        StatusRow(
            _S.card_outstanding,
            _M.documents_verified,
            _A.card_bureau,
            _C.production,
            "待结清制卡单",
            then=_A.operator,
        ),
        StatusRow(_S.card_to_destroy, _M.documents_verified, _A.clerk, None, "待销毁新卡"),
        StatusRow(_S.active, _M.number_updated, _A.engine, None, "新卡已激活", engine_step=_E.switch_cards),
        StatusRow(
            _S.closing_old,
            _M.number_updated,
            _A.engine,
            _C.pension_run,
            "注销旧卡中",
            runs=False,
            engine_step=_E.close_old,
        ),
        StatusRow(_S.done, _M.benefits_unblocked, _A.nobody, None, "办结"),
        StatusRow(_S.card_found, None, _A.nobody, None, "卡已找回"),
        StatusRow(_S.rejected, None, _A.nobody, None, "不予办理"),
        StatusRow(_S.withdrawn, None, _A.nobody, None, "已撤回申请"),
        StatusRow(_S.unclaimed, None, _A.nobody, None, "逾期未领，已销毁"),
        StatusRow(_S.not_activated, None, _A.nobody, None, "逾期未激活，新卡已注销"),
        StatusRow(_S.ended, None, _A.nobody, None, "终止（死亡或转出等）"),
    ),
    (
        Row(_S.checking, _E.checked, _G.person_unknown, _S.rejected),
        *(
            Row(_S.checking, _E.checked, guard, _S.ended, (_F.release_what_is_owed,))
            for guard in (_G.person_deceased, _G.person_transferred, _G.person_merged)
        ),
        # A lost card is blocked before anything else is asked.
        Row(
            _S.checking,
            _E.checked,
            _G.lost_and_unsettled,
            _S.temporarily_blocked,
            (_F.block_card, _F.notify_applicant),
        ),
        Row(_S.checking, _E.checked, _G.person_differs, _S.on_hold, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.duplicate, _S.rejected, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.not_allowed, _S.rejected, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
        Row(_S.checking, _E.checked, _G.always, _S.in_review, (_F.notify_applicant,)),
        # loss
        Row(_S.temporarily_blocked, _E.confirm_loss, _G.always, _S.checking, (_F.confirm_loss,)),
        # Another case was told of the loss formally meanwhile: no time ends that, and there is a card to replace.
        Row(_S.temporarily_blocked, _E.loss_report_expired, _G.no_card_in_use, _S.checking),
        Row(
            _S.temporarily_blocked,
            _E.loss_report_expired,
            _G.loss_report_released,
            _S.withdrawn,
            (_F.unblock_card, *_NO_NEW_CARD),
        ),
        Row(_S.temporarily_blocked, _E.loss_report_expired, _G.always, _S.checking, (_F.cancel_lost_card,)),
        # Another case was told that it is found: there is nothing to replace any more.
        Row(_S.temporarily_blocked, _E.block_ended, _G.card_in_use, _S.card_found, _NO_NEW_CARD),
        # A card that is found although it is replaced for another reason works again, and the case goes on.
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.card_found, _G.unblock_and_go_on, None, _F.unblock_card),
        *same(_BLOCKABLE, _E.card_found, _G.unblock_possible, _S.card_found, _F.unblock_card, *_NO_NEW_CARD),
        *same(
            _WITH_THE_BUREAU,
            _E.card_found,
            _G.found_in_time,
            _S.card_found,
            _F.cancel_order,
            _F.unblock_card,
            *_NO_NEW_CARD,
        ),
        # Its successor is on the way already: the old one stays out of use, and that it turned up is on record.
        *same((*_WITH_THE_BUREAU, *_WITH_THE_PERSON, *_SWITCHING), _E.card_found, _G.found_too_late, None),
        # Whatever the case is about, and wherever it stands, the card in use is blocked in the same second.
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.report_loss, _G.always, None, _F.report_loss),
        *same(_GOES_ON_WHILE_LOST, _E.confirm_loss, _G.temporarily_lost, None, _F.confirm_loss),
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.block_ended, _G.temporarily_lost, None),
        # documents
        *same((_S.temporarily_blocked, _S.in_review, _S.on_hold), _E.add_documents, _G.always, None),
        Row(_S.awaiting_documents, _E.add_documents, _G.documents_missing, _S.awaiting_documents),
        Row(_S.awaiting_documents, _E.add_documents, _G.always, _S.in_review),
        Row(_S.awaiting_documents, _E.supplement_expired, _G.always, _S.withdrawn, _NO_NEW_CARD),
        # Whoever adds a document after the verification changes what was verified: it is verified again.
        Row(_S.awaiting_approval, _E.add_documents, _G.always, _S.in_review),
        Row(_S.in_review, _E.verify_documents, _G.second_officer_needed, _S.awaiting_approval),
        Row(_S.in_review, _E.verify_documents, _G.always, _S.ordered),
        Row(_S.awaiting_approval, _E.approve, _G.always, _S.ordered),
        # Nothing was named in time: the filing counts as complete, and is decided on.
        *same((_S.in_review, _S.awaiting_approval), _E.notice_period_passed, _G.always, None),
        *same(
            (_S.in_review, _S.awaiting_approval),
            _E.return_documents,
            _G.always,
            _S.awaiting_documents,
            _F.notify_applicant,
        ),
        *same(_BEFORE_ORDER, _E.reject, _G.always, _S.rejected, *_NO_NEW_CARD),
        # hold
        *same(_WAITING, _E.hold, _G.always, _S.on_hold, _F.notify_applicant),
        *(
            row
            for event in (_E.resume, _E.hold_expired)
            for row in (
                Row(_S.on_hold, event, _G.held_for_number_change, _S.checking),
                Row(_S.on_hold, event, _G.held_in_approval, _S.awaiting_approval, (_F.notify_applicant,)),
                Row(_S.on_hold, event, _G.documents_missing, _S.awaiting_documents, (_F.notify_applicant,)),
                Row(_S.on_hold, event, _G.always, _S.in_review, (_F.notify_applicant,)),
            )
        ),
        Row(_S.on_hold, _E.number_changed, _G.held_for_number_change, _S.checking),
        *same((*_BLOCKABLE, _S.in_production, _S.ready), _E.extend, _G.always, None, _F.notify_applicant),
        # A card that was made by an order which is over is nobody's, wherever the case stands: two people destroy it.
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.card_turned_up, _G.always, None, _F.keep_surplus_card),
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.card_destroyed, _G.first_statement, None),
        Row(_S.card_to_destroy, _E.card_destroyed, _G.order_in_force, _S.ended, (_F.destroy_card,)),
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.card_destroyed, _G.always, None, _F.destroy_surplus_card),
        # production
        Row(_S.ordered, _E.order_card, _G.always, _S.in_production, (_F.order_card,)),
        Row(_S.ordered, _E.order_refused, _G.always, _S.checking),
        *same((_S.checking, _S.ordered, _S.active, _S.closing_old), _E.stuck, _G.always, None),
        *same((_S.checking, _S.ordered, _S.active, _S.closing_old), _E.repair, _G.retry, None),
        # While a number change of the same person is applying nothing is written; this case is told when it may.
        *same((_S.ordered, _S.active, _S.closing_old), _E.turn_free, _G.always, None),
        # The first order's card may come although it was asked for once more; the other one is not wanted then.
        *same(
            (_S.in_production, _S.repair),
            _E.card_produced,
            _G.earlier_attempt_produced,
            _S.ready,
            _F.take_earlier_attempt,
            _F.record_production,
            _F.notify_applicant,
        ),
        Row(
            _S.in_production,
            _E.card_produced,
            _G.produced,
            _S.ready,
            (_F.record_production, _F.notify_applicant),
        ),
        Row(_S.in_production, _E.card_produced, _G.attempts_left, _S.in_production, (_F.reorder_card,)),
        Row(_S.in_production, _E.card_produced, _G.always, _S.repair),
        # A bureau that does not answer is asked again by an operator.
        Row(_S.in_production, _E.repair, _G.retry, _S.in_production, (_F.reorder_card,)),
        Row(_S.in_production, _E.production_overdue, _G.always, _S.in_production),
        Row(_S.in_production, _E.repair, _G.cancel_possible, _S.in_review, (_F.cancel_order,)),
        # Who was not asked is not late: that its question did not arrive is the agency's to mend.
        *same((_S.in_production, _S.card_outstanding), _E.delivery_overdue, _G.always, None, _F.notify_office),
        *same((_S.in_production, _S.card_outstanding), _E.question_delivered, _G.always, None),
        # The bureau may find the card after all, or a retry may have been answered late.
        Row(_S.repair, _E.card_produced, _G.produced, _S.ready, (_F.record_production, _F.notify_applicant)),
        # Nothing is being made where the last card was lost: another one is ordered as the first was.
        Row(_S.repair, _E.repair, _G.retry_anew, _S.ordered),
        Row(_S.repair, _E.repair, _G.retry, _S.in_production, (_F.reorder_card,)),
        Row(_S.repair, _E.repair, _G.cancel_possible, _S.in_review, (_F.cancel_order,)),
        # An order that may not be cancelled and brings nothing is written off; what it brings later is nobody's.
        *same((_S.in_production, _S.repair), _E.repair, _G.write_off, _S.in_review, _F.write_off_order),
        # Where the card goes may be said anew as long as it has not left.
        *same((*_BLOCKABLE, *_WITH_THE_BUREAU), _E.confirm_address, _G.always, None, _F.tell_address),
        # hand-over and activation
        Row(_S.ready, _E.card_handed_over, _G.always, _S.handed_over, (_F.hand_over_card,)),
        Row(_S.ready, _E.claim_period_passed, _G.always, _S.ready, (_F.notify_applicant,)),
        Row(_S.ready, _E.card_unclaimed, _G.first_statement, _S.ready),
        Row(_S.ready, _E.card_unclaimed, _G.always, _S.unclaimed, (_F.destroy_card, *_NO_NEW_CARD)),
        # Lost on the way: the new card is blocked, and another one is made as often as the policy says.
        *same(
            _WITH_THE_PERSON,
            _E.card_lost_on_way,
            _G.another_order_left,
            _S.ordered,
            _F.give_up_card,
            _F.notify_applicant,
        ),
        *same(_WITH_THE_PERSON, _E.card_lost_on_way, _G.always, _S.repair, _F.give_up_card),
        Row(_S.handed_over, _E.card_activated, _G.last_function, _S.active, (_F.activate_function,)),
        Row(_S.handed_over, _E.card_activated, _G.always, _S.handed_over, (_F.activate_function,)),
        # Another version of the policy asks for less.
        Row(_S.handed_over, _E.nothing_awaited, _G.always, _S.active),
        Row(_S.awaiting_documents, _E.nothing_awaited, _G.always, _S.in_review),
        Row(_S.handed_over, _E.activation_overdue, _G.always, _S.handed_over, (_F.notify_applicant,)),
        Row(_S.handed_over, _E.card_not_activated, _G.always, _S.not_activated, (_F.cancel_card, *_NO_NEW_CARD)),
        Row(_S.active, _E.switch_cards, _G.always, _S.closing_old, (_F.switch_cards,)),
        Row(
            _S.closing_old,
            _E.close_old,
            _G.always,
            _S.done,
            # A number or name that changed while the card was being made is not the one that is printed on it.
            (
                *(_F.close_old_card, _F.lift_benefit_holds, _F.requeue_claims),
                *(_F.offer_replacement, _F.notify_applicant),
            ),
        ),
        # ways out; out of the pre-check only where the engine is stuck in it
        *same((_S.checking, *_BLOCKABLE), _E.withdraw, _G.always, _S.withdrawn, *_NO_NEW_CARD),
        *same(_WITH_THE_BUREAU, _E.withdraw, _G.order_cancellable, _S.withdrawn, _F.cancel_order, *_NO_NEW_CARD),
        *(
            row
            for event, ends in END_OF_PERSON
            for row in (
                *same((_S.checking, *_BLOCKABLE, _S.ordered), event, _G.always, _S.ended, *ends),
                # Where an order cannot be cancelled the card is made all the same: the case waits and has it destroyed.
                Row(_S.in_production, event, _G.order_cancellable, _S.ended, (_F.cancel_order, *ends)),
                Row(_S.in_production, event, _G.always, _S.card_outstanding, ends),
                # The bureau has said that it could not make the card, or nothing is being made.
                Row(_S.repair, event, _G.always, _S.ended, (_F.cancel_order, *ends)),
                *same((*_WITH_THE_PERSON, *_SWITCHING), event, _G.always, _S.ended, _F.cancel_order, *ends),
            )
        ),
        *same(_AFTER_ITS_PERSON, _E.person_found_ended, _G.always, None),
        Row(
            _S.card_outstanding,
            _E.card_produced,
            _G.earlier_attempt_produced,
            _S.card_to_destroy,
            (_F.take_earlier_attempt, _F.record_production),
        ),
        Row(_S.card_outstanding, _E.card_produced, _G.produced, _S.card_to_destroy, (_F.record_production,)),
        Row(_S.card_outstanding, _E.card_produced, _G.always, _S.ended, (_F.cancel_order,)),
        Row(_S.card_outstanding, _E.production_overdue, _G.always, _S.card_outstanding),
        # The bureau is sure, by other means, that nothing will come.
        Row(_S.card_outstanding, _E.repair, _G.write_off, _S.ended, (_F.write_off_order,)),
        # benefits
        *same(_REPLACEMENT_OPEN, _E.release_benefits, _G.always, None, _F.release_benefits),
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.benefits_lifted, _G.always, None, _F.assert_no_benefit_held),
        # deadlines; a hold silences the ladder
        *same(_REPLACEMENT_OPEN, _E.acknowledge, _G.always, None),
        *same((_S.checking, *_REPLACEMENT_OPEN), _E.recompute, _G.always, None, _F.notify_applicant),
        *same(_ESCALATING_REPLACEMENT, _E.escalated, _G.always, None, _F.escalate),
    ),
)
