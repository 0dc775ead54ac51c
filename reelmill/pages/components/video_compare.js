// Two videos on top of each other, played as one; what is left of the wipe is the first, the rest the second.
export default {
  template: `
    <div class="rm-compare">
      <div class="rm-compare-both" ref="both" @pointerdown="grab" @pointermove="drag" @pointerup="held = false"
        @pointercancel="held = false">
        <video ref="second" :src="second" muted playsinline preload="auto" :aria-label="secondLabel"></video>
        <video ref="first" :src="first" playsinline preload="auto" :aria-label="firstLabel"
          :style="{clipPath: 'inset(0 ' + (100 - wipe) + '% 0 0)'}" @timeupdate="follow" @seeked="follow"
          @loadedmetadata="follow" @play="started" @pause="stopped" @ended="stopped"></video>
        <span class="rm-compare-line" aria-hidden="true" :style="{left: wipe + '%'}"></span>
        <span class="rm-compare-label rm-compare-left" aria-hidden="true">{{ firstLabel }}</span>
        <span class="rm-compare-label rm-compare-right" aria-hidden="true">{{ secondLabel }}</span>
      </div>
      <div class="rm-compare-controls">
        <button type="button" class="rm-button rm-primary" @click="toggle">{{ playing ? "Pause" : "Play" }}</button>
        <label>Moment <input type="range" min="0" :max="length" step="0.04" :value="now" @input="seek"
          :aria-valuetext="now.toFixed(1) + ' s'"></label>
        <label>Wipe <input type="range" min="0" max="100" step="1" v-model.number="wipe"
          :aria-valuetext="wipe + ' % ' + firstLabel"></label>
      </div>
    </div>`,
  props: { first: String, second: String, firstLabel: String, secondLabel: String, offset: Number },
  data() {
    return { wipe: 50, now: 0, length: 0, playing: false, held: false };
  },
  methods: {
    toggle() {
      const { first } = this.$refs;
      if (first.paused) first.play();
      else first.pause();
    },
    started() {
      this.playing = true;
      this.align();
      this.$refs.second.play();
    },
    stopped() {
      this.playing = false;
      this.$refs.second.pause();
      this.align();
    },
    follow() {
      const { first, second } = this.$refs;
      this.now = first.currentTime;
      if (Number.isFinite(first.duration)) this.length = first.duration;
      // Less than two frames is nothing to see, and each seek costs a frame or two.
      if (Math.abs(second.currentTime - this.beside()) > (this.playing ? 0.08 : 0.001)) this.align();
    },
    // The moment of the second that shows what the first does, as far as it goes that far.
    beside() {
      const { first, second } = this.$refs;
      const moment = first.currentTime + (this.offset || 0);
      return Number.isFinite(second.duration) ? Math.min(moment, second.duration) : moment;
    },
    align() {
      this.$refs.second.currentTime = this.beside();
    },
    seek(event) {
      this.$refs.first.currentTime = Number(event.target.value);
    },
    grab(event) {
      this.held = true;
      this.$refs.both.setPointerCapture(event.pointerId);
      this.drag(event);
    },
    drag(event) {
      if (!this.held) return;
      const box = this.$refs.both.getBoundingClientRect();
      this.wipe = Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width)));
    },
  },
};
