/*
 * list.h: intrusive doubly linked list (layer 0).
 *
 * A List is a ring through its head; a ListNode that is in no list points at
 * itself, so removing twice is harmless and "is it in a list" is one compare.
 * The list owns nothing: whoever embeds the node frees the object.
 */
#ifndef WRK_LIST_H
#define WRK_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ListNode
{
	struct ListNode *prev;
	struct ListNode *next;
} ListNode;

typedef ListNode List;

#define list_entry(node, type, member) \
	((type *) (void *) ((char *) (node) -offsetof(type, member)))

/* Walks the list; the current node may be removed while doing so. */
#define list_foreach(iter, following, list) \
	for (ListNode *iter = (list)->next, *following = iter->next; iter != (list); \
		 iter = following, following = iter->next)

static inline void
list_init(ListNode *node)
{
	node->prev = node;
	node->next = node;
}

static inline bool
list_is_empty(const List *list)
{
	return list->next == list;
}

static inline bool
list_is_linked(const ListNode *node)
{
	return node->next != node;
}

static inline void
list_push_tail(List *list, ListNode *node)
{
	node->prev = list->prev;
	node->next = list;
	list->prev->next = node;
	list->prev = node;
}

static inline void
list_remove(ListNode *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Takes the first node off the list; NULL when there is none. */
static inline ListNode *
list_pop_head(List *list)
{
	ListNode *node = list->next;

	if (node == list)
		return NULL;
	list_remove(node);
	return node;
}

#endif
