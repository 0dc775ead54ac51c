"""What pages are put together from: small, alike everywhere, usable by keyboard and by a screen reader.

text      text in an element of one's choice
states    what stands where nothing is, where something is away, and while something is read
section   a place of a page whose content is read from the site, without holding up the page
dialogue  a question that is asked before something is done
toast     what came of an action, in a line that goes away by itself
badge     the status of a job, in a word, a colour and an icon

Comes in: elements without knowledge of the site.
Uses: errors, queue.
"""
