// A video, and under it a mark for each of its scenes: a row of buttons, of which one takes part in tabbing.
export default {
  template: `
    <div class="rm-player">
      <video ref="video" controls preload="metadata" playsinline :src="src" :poster="poster || undefined"
        :aria-label="title" @timeupdate="follow" @seeked="follow" @loadedmetadata="measure" @error="broken = true"></video>
      <p v-if="broken" class="rm-player-broken" role="alert">This browser cannot play the file. {{ remedy }}</p>
      <template v-if="scenes.length > 1">
        <div class="rm-scenes" role="toolbar" aria-label="Scenes" @keydown="move">
          <button v-for="(scene, at) in scenes" :key="at" type="button" class="rm-scene" ref="marks"
            :class="{'rm-scene-now': at === current}" :style="{flexGrow: Math.max(scene.end - scene.start, total / 400)}"
            :tabindex="at === focused ? 0 : -1" :aria-label="label(at)" :title="label(at)"
            :aria-current="at === current ? 'true' : undefined" @click="seek(at)" @focus="focused = at"></button>
          <span class="rm-scene-needle" aria-hidden="true" :style="{left: needle}"></span>
        </div>
        <p class="rm-quiet rm-small">{{ label(current) }} – a mark, or the arrow keys on the marks, seeks.</p>
      </template>
    </div>`,
  props: { src: String, poster: String, title: String, duration: Number, scenes: Array, remedy: String },
  data() {
    return { current: 0, focused: 0, needle: "0", broken: false, length: this.duration || 0 };
  },
  computed: {
    total() { return this.length || this.scenes.at(-1)?.end || 1; },
  },
  methods: {
    label(at) {
      const scene = this.scenes[at];
      return `Scene ${at + 1} of ${this.scenes.length}, ${scene.from} to ${scene.to}`;
    },
    measure() {
      const length = this.$refs.video.duration;
      if (Number.isFinite(length)) this.length = length;
    },
    follow() {
      const now = this.$refs.video.currentTime;
      this.needle = `${Math.min(100, (100 * now) / this.total)}%`;
      // A frame is shown a little before its time where times are rounded.
      const next = this.scenes.findIndex((scene) => scene.start > now + 0.001);
      this.current = next < 0 ? this.scenes.length - 1 : Math.max(0, next - 1);
    },
    seek(at) {
      this.$refs.video.currentTime = this.scenes[at].start;
    },
    move(event) {
      const last = this.scenes.length - 1;
      const to = { ArrowRight: this.focused + 1, ArrowLeft: this.focused - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.focused = Math.min(last, Math.max(0, to));
      this.$refs.marks[this.focused].focus();
      this.seek(this.focused);
    },
  },
};
