// A table of jobs; on a phone its rows stand by themselves. Rows are kept by their id, so that what has the focus keeps it.
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

export default {
  props: { rows: Array, label: String, steers: Boolean },
  emits: ["act"],
  template: `
    <table class="rm-table" :aria-label="label">
      <thead><tr>
        <th scope="col">Job</th><th scope="col">Status</th><th scope="col" class="rm-wide">Progress</th>
        <th scope="col">Priority</th><th scope="col">Category</th><th scope="col">Created</th>
        <th scope="col">Started</th><th scope="col">Completed</th>
        <th scope="col" v-if="steers"><span class="rm-hidden">Actions</span></th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id" :data-job="row.id">
          <th scope="row"><a :href="'/jobs/' + row.id" class="rm-job">
            <i class="material-icons" aria-hidden="true">{{ row.icon }}</i>
            <span class="rm-job-words"><span>{{ row.type }}</span><span v-if="row.about" class="rm-quiet rm-small rm-ellipsis" :title="row.about">{{ row.about }}</span></span>
          </a></th>
          <td data-label="Status"><span>
            <span class="rm-badge" :class="'rm-' + row.status"><i class="material-icons" aria-hidden="true">{{ row.statusIcon }}</i>{{ row.status }}</span>
            <span v-if="row.reason" class="rm-reason rm-quiet rm-small">{{ row.reason }}</span>
          </span></td>
          <td data-label="Progress" class="rm-wide"><span v-if="row.progress !== null" class="rm-row">
            <span class="rm-bar" :class="{ 'rm-full': row.status === 'completed' }" role="progressbar" aria-label="Progress"
              :aria-valuenow="row.progress" aria-valuemin="0" aria-valuemax="100"><span :style="{ width: row.progress + '%' }"></span></span>
            <span class="rm-percent">{{ Math.floor(row.progress) }} %</span>
          </span><span v-else class="rm-quiet">–</span></td>
          <td data-label="Priority">{{ row.priority ?? "–" }}</td>
          <td data-label="Category">{{ row.category ?? "–" }}</td>
          <td data-label="Created"><time v-if="row.created" :datetime="row.created" :title="whole(row.created)">{{ short(row.created) }}</time><span v-else class="rm-quiet">–</span></td>
          <td data-label="Started"><time v-if="row.started" :datetime="row.started" :title="whole(row.started)">{{ short(row.started) }}</time><span v-else class="rm-quiet">–</span></td>
          <td data-label="Completed"><time v-if="row.completed" :datetime="row.completed" :title="whole(row.completed)">{{ short(row.completed) }}</time><span v-else class="rm-quiet">–</span></td>
          <td v-if="steers" class="rm-row-actions">
            <button v-for="action in row.actions" :key="action" type="button" class="rm-button rm-quiet rm-icon-only"
              :title="labels[action]" :aria-label="labels[action] + ' ' + row.name"
              @click="$emit('act', { id: row.id, action })"><i class="material-icons" aria-hidden="true">{{ icons[action] }}</i></button>
          </td>
        </tr>
      </tbody>
    </table>`,
  data: () => ({
    labels: { retry: "Retry", cancel: "Cancel" },
    icons: { retry: "replay", cancel: "cancel" },
  }),
  methods: {
    whole: (time) => full.format(new Date(time)),
    short(time) {
      const then = new Date(time);
      if (then.toDateString() === new Date().toDateString()) return clock.format(then);
      // In a narrow column the day stands above the time, in one piece each.
      return `${day.format(then).replaceAll(" ", "\u00a0")} ${minute.format(then)}`;
    },
  },
};
