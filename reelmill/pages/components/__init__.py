"""What pages are put together from: small, alike everywhere, usable by keyboard and by a screen reader.

text      text in an element of one's choice
states    what stands where nothing is, where something is away, and while something is read
section   a place of a page whose content is read from the site, without holding up the page
place     a place that is built anew only where what it shows has changed
dialogue  a question that is asked before something is done
toast     what came of an action, in a line that goes away by itself
badge     the status of a job, in a word, a colour and an icon
job_types the icon of each job type
jobs_table  a table of jobs that is kept up to date row by row
fields    fields of forms, each with its label, its hint and the place of its error
query_form    a form that is the query string of its page
video_entry   a video in a list, a link to its page
thumbnail     the image of a video, or that there is none
video_compare  two videos over each other, with a wipe between them
video_player  a player with the scenes of its video on a timeline

Comes in: elements that are given what they show, and ask the site for nothing.
Uses: catalogue, dispatch, errors, queue, wording.
"""
