# Features of the real data, each corpus encoded once: make -f tests/parity/features.mk [-j2] [build/features/NAME.mm …]
# Needs the tools on PATH, MM_MODELS with minilm-l6, imgfocus-vits14 and whisper-base, and the data (MM_DATA).
MM_DATA ?= ../shared/data
D       := $(abspath $(MM_DATA))
OUT     ?= build/features
J       ?= 1
IMAGE   := mm-encode-image -q -m imgfocus-vits14 -j $(J)
TEXT    := mm-encode-text -q -m minilm-l6 -j $(J)
SOUND   := mm-encode-audio -q -m whisper-base -j $(J)
SHELL   := bash -o pipefail

NAMES := $(foreach m,text audio video,mosi-$(m)-train mosi-$(m)-test) fsdd emodb sst2-train sst2-test agnews-train agnews-test steel steel4 \
         tweets-image tweets-text imagenet prompts flickr-train flickr-test bearing
all: $(NAMES:%=$(OUT)/%.mm)
.PHONY: all
.DELETE_ON_ERROR:
$(NAMES:%=$(OUT)/%.mm): | $(OUT)
$(OUT):
	mkdir -p $@

# MOSI's tables have no names: the videos' names come from the transcripts, before the numbers and the label.
# $(OUT)/mosi-text-train.mm and so on; label last.
MOSI := $(foreach m,text audio video,$(m)-train $(m)-test)
$(MOSI:%=$(OUT)/mosi-%.mm): $(OUT)/mosi-%.mm: $(D)/mosi/transcripts.csv
	m=$(firstword $(subst -, ,$*)); set=$(lastword $(subst -, ,$*)); csv=$(OUT)/$*.csv; \
	awk -F'","' 'NR == FNR { name[NR - 1] = substr($$1, 2); next } { print name[substr($$1, 2)] }' \
	  $< $(D)/mosi/text_$$set.csv | paste -d, - <(tr -d '"\r' < $(D)/mosi/$${m}_$${set}0.csv) > $$csv; \
	mm-decode -q --as feature --of $$m --key-column 1 --label-column $$(head -1 $$csv | tr , '\n' | wc -l) -o $@ $$csv

$(OUT)/fsdd.mm:
	mm-decode -q --labels $(D)/fsdd600/labels.csv --label-column digit $(D)/fsdd600/recordings | $(SOUND) -o $@
$(OUT)/emodb.mm:
	mm-decode -q --labels $(D)/emodb84/labels.csv --label-column emotion $(D)/emodb84/wav | $(SOUND) -o $@
$(OUT)/bearing.mm:
	mm-decode -q --labels $(D)/cwru_bearing/labels.csv --label-column class10 $(D)/cwru_bearing/wav_f32_12k | $(SOUND) -o $@
$(OUT)/sst2-train.mm:
	mm-decode -q --column sentence --label-column label $(D)/sst2/train_first8000.tsv | $(TEXT) -o $@
$(OUT)/sst2-test.mm:
	mm-decode -q --column sentence --label-column label $(D)/sst2/glue_dev_872.tsv | $(TEXT) -o $@
$(OUT)/agnews-train.mm:
	mm-decode -q --column 1 --label-column 2 $(D)/agnews/train_4000.tsv | $(TEXT) -o $@
$(OUT)/agnews-test.mm: # 2,000 of 7,600 are enough to tell half a point
	head -2000 $(D)/agnews/test.tsv > $(OUT)/agnews-test.tsv
	mm-decode -q --column 1 --label-column 2 $(OUT)/agnews-test.tsv | $(TEXT) -o $@
$(OUT)/steel.mm:
	mm-decode -q -m imgfocus-vits14 --labels $(D)/neu_steel240/labels.csv --label-column label $(D)/neu_steel240/images | $(IMAGE) -o $@
# the texture of steel lies in the patches of lower layers more than in the last class token
$(OUT)/steel4.mm:
	mm-decode -q -m imgfocus-vits14 --labels $(D)/neu_steel240/labels.csv --label-column label $(D)/neu_steel240/images | \
	  $(IMAGE) --layer 4,8 --pool mean -o $@
$(OUT)/tweets-image.mm:
	mm-decode -q -m imgfocus-vits14 --only image --labels $(D)/imgtext_sentiment300/labels.csv --key-column guid \
	  --label-column label $(D)/imgtext_sentiment300/data | $(IMAGE) -o $@
$(OUT)/tweets-text.mm:
	mm-decode -q --only text --labels $(D)/imgtext_sentiment300/labels.csv --key-column guid \
	  --label-column label $(D)/imgtext_sentiment300/data | $(TEXT) -o $@
# pictures as the projection heads take them (flickr below), and six sentences about each of their classes
PROMPTS := 'a photo of a {}' 'a picture of a {}' 'a close-up of a {}' 'a {} in the wild' 'this is a {}' 'a {} and nothing else'
$(OUT)/imagenet.mm:
	mm-decode -q -m imgfocus-vits14 --labels $(D)/imagenet100/labels.csv --label-column class_name $(D)/imagenet100/images | \
	  $(IMAGE) --layer 8,12 --pool cls+mean -o $@
$(OUT)/prompts.mm:
	for p in $(PROMPTS); do mm-decode -q --column class_name --key-column class_name --label-column class_name \
	  $(D)/imagenet100/labels.csv | $(TEXT) --prompt "$$p"; done > $@.part
	mv $@.part $@
# images and captions share a key: the image's name
$(OUT)/flickr-train.mm: SET := flickr8k_train850_256px
$(OUT)/flickr-test.mm: SET := flickr8k150
$(OUT)/flickr-%.mm:
	sed 's/\.jpg,/,/' $(D)/$(SET)/captions.csv > $(OUT)/captions-$*.csv
	{ mm-decode -q -m imgfocus-vits14 $(D)/$(SET)/images | $(IMAGE) --layer 8,12 --pool cls+mean; \
	  mm-decode -q --column caption --key-column image $(OUT)/captions-$*.csv | $(TEXT); } > $@.part
	mv $@.part $@
